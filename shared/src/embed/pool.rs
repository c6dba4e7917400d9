//! The pool of one invocation: concurrent jobs of one tenant that use the same model share calls.
//!
//! The first job with texts waits a moment for other jobs and then requests all waiting texts until none is left. A
//! provider that asked for time is not called before its pause ends, by this invocation or another one ([`pause`]).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::join_all;

use crate::embed::ask::{Embedded, EmbeddedText, EmbeddingRequest, wait_a_while};
use crate::embed::pause;
use crate::embed::round::{Round, ask};
use crate::limits::{
    EMBED_BYTES_PER_CALL, EMBED_GATHER_MS, EMBED_MS_MAX, EMBED_TEXTS_PER_CALL, EMBED_VALUES_PER_CALL,
    EMBED_WAIT_SECONDS, LEASE_MARGIN_MS,
};
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{Clock, Http, IndexDatabase};
use crate::settings::providers::{Choice, Model, Provider};

/// The job that the texts belong to, and the model it uses.
#[derive(Clone, Copy)]
pub(crate) struct TextOwner<'a> {
    pub(crate) tenant: &'a str,
    /// End of the job's lease.
    pub(crate) lease: &'a Rc<Cell<i64>>,
    pub(crate) choice: &'a Choice,
    pub(crate) provider: &'a Provider,
    pub(crate) model: Model,
}

impl TextOwner<'_> {
    /// Name of the model in the embedding cache: `provider/model/dimensions`.
    pub(crate) fn cache_name(&self) -> String {
        format!("{}/{}", self.choice, self.model.dimensions)
    }
}

struct Waiting {
    text: String,
    /// End of the job's lease.
    lease: Rc<Cell<i64>>,
    sender: oneshot::Sender<EmbeddedText>,
}

/// The key of texts that may share a call: those of one tenant and one model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TextGroup {
    tenant: String,
    choice: Choice,
}

/// Texts that wait for their vectors.
#[derive(Default)]
pub(crate) struct Pool {
    waiting: RefCell<BTreeMap<TextGroup, VecDeque<Waiting>>>,
    /// Groups that a job is making calls for.
    asked_for: RefCell<BTreeSet<TextGroup>>,
    /// End of each provider's pause by this machine's clock, as far as this invocation knows.
    paused_until: RefCell<BTreeMap<String, i64>>,
    calls_left: Cell<usize>,
    began_at: i64,
}

impl Pool {
    /// Creates a pool that makes at most `calls` calls, and none once its invocation is [`EMBED_MS_MAX`] old.
    pub(crate) fn new(calls: usize, now_ms: i64) -> Self {
        Self { calls_left: Cell::new(calls), began_at: now_ms, ..Self::default() }
    }

    /// Returns the vectors of some texts of a tenant, in their order.
    pub(crate) async fn embed<W: IndexDatabase + Http + Clock>(
        &self,
        world: &W,
        version: &str,
        wanted: TextOwner<'_>,
        texts: Vec<String>,
    ) -> Vec<EmbeddedText> {
        let TextOwner { tenant, lease, choice, provider, model } = wanted;
        let group = TextGroup { tenant: tenant.to_owned(), choice: choice.clone() };
        let answers: Vec<_> = texts.into_iter().map(|text| self.wait_for(&group, text, lease.clone())).collect();
        if self.asked_for.borrow_mut().insert(group.clone()) {
            world.sleep(Duration::from_millis(EMBED_GATHER_MS)).await;
            let (calls_left, ends_at) = (&self.calls_left, self.began_at + EMBED_MS_MAX);
            let asked = EmbeddingRequest { provider, choice, model, version, calls_left, ends_at };
            self.ask_all(world, &group, &asked).await;
            self.asked_for.borrow_mut().remove(&group);
        }
        let not_requested =
            || (Embedded::Failed(Outcome::failed(ErrorClass::Internal, "The text was not requested.")), Vec::new());
        join_all(answers).await.into_iter().map(|result| result.unwrap_or_else(|_| not_requested())).collect()
    }

    /// Requests all waiting texts of a group, one round of calls after the other. It stops after the first round in
    /// which the provider fails: the remaining texts wait, and their jobs count no failure.
    async fn ask_all<W: IndexDatabase + Http + Clock>(
        &self,
        world: &W,
        group: &TextGroup,
        asked: &EmbeddingRequest<'_>,
    ) {
        if let Some(wait) = self.pause_of(world, &group.choice.provider).await {
            let wait = wait.max(Duration::from_secs(EMBED_WAIT_SECONDS));
            return self.reject_waiting(group, &not_requested(Some(RetryAfter::Deferral(wait))));
        }
        loop {
            let next = self.take(group, asked.model, world.now_ms());
            if next.is_empty() {
                return;
            }
            let texts: Vec<&str> = next.iter().map(|waiting| waiting.text.as_str()).collect();
            let leases: Vec<_> = next.iter().map(|waiting| waiting.lease.clone()).collect();
            let Round { results, is_over, pause } = ask(world, asked, &texts, &leases).await;
            if let Some(wait) = pause {
                self.pause(world, &group.choice.provider, wait).await;
            }
            for (waiting, result) in next.into_iter().zip(results) {
                // A closed channel means that the job has ended.
                let _ = waiting.sender.send(result);
            }
            if is_over {
                return self.reject_waiting(group, &not_requested(pause.map(RetryAfter::Deferral)));
            }
        }
    }

    /// Answers all waiting texts of a group without a call.
    fn reject_waiting(&self, group: &TextGroup, embedded: &Embedded) {
        for waiting in self.waiting.borrow_mut().remove(group).unwrap_or_default() {
            let _ = waiting.sender.send((embedded.clone(), Vec::new()));
        }
    }

    /// Returns the rest of a provider's pause; `None` if it may be called. The database is read once per provider and
    /// invocation.
    async fn pause_of<W: IndexDatabase + Clock>(&self, world: &W, provider: &str) -> Option<Duration> {
        let known = self.paused_until.borrow().get(provider).copied();
        let until = if let Some(until) = known {
            until
        } else {
            let until = world.now_ms() + pause::left_ms(world, provider).await;
            self.paused_until.borrow_mut().insert(provider.to_owned(), until);
            until
        };
        let left = u64::try_from(until - world.now_ms()).unwrap_or(0);
        (left > 0).then(|| Duration::from_millis(left))
    }

    /// Pauses calls to a provider in all invocations.
    async fn pause<W: IndexDatabase + Clock>(&self, world: &W, provider: &str, wait: Duration) {
        let ms = pause::keep(world, provider, wait).await;
        self.paused_until.borrow_mut().insert(provider.to_owned(), world.now_ms() + ms);
    }

    fn wait_for(&self, group: &TextGroup, text: String, lease: Rc<Cell<i64>>) -> oneshot::Receiver<EmbeddedText> {
        let (sender, answer) = oneshot::channel();
        self.waiting.borrow_mut().entry(group.clone()).or_default().push_back(Waiting { text, lease, sender });
        answer
    }

    /// Takes the texts of the next call, at least one. Leaves out texts of jobs whose lease has ended, or may end
    /// before the call arrives: another attempt may run them by then. Heartbeats keep more than the margin, if they
    /// can.
    fn take(&self, group: &TextGroup, Model { dimensions, .. }: Model, now_ms: i64) -> Vec<Waiting> {
        let most = (EMBED_VALUES_PER_CALL / dimensions.max(1)).clamp(1, EMBED_TEXTS_PER_CALL);
        let mut waiting = self.waiting.borrow_mut();
        let Some(queue) = waiting.get_mut(group) else { return Vec::new() };
        let (mut taken, mut bytes): (Vec<Waiting>, usize) = (Vec::new(), 0);
        while let Some(next) = queue.pop_front() {
            if next.lease.get() - now_ms < LEASE_MARGIN_MS {
                let _ = next.sender.send((not_requested(None), Vec::new()));
                continue;
            }
            bytes += next.text.len();
            if !taken.is_empty() && (taken.len() >= most || bytes > EMBED_BYTES_PER_CALL) {
                queue.push_front(next);
                break;
            }
            taken.push(next);
        }
        taken
    }
}

/// The result of a text that was not requested: it waits as long as the provider asked for, or [`EMBED_WAIT_SECONDS`].
fn not_requested(wait: Option<RetryAfter>) -> Embedded {
    let asked_for = wait.filter(|wait| matches!(wait, RetryAfter::Deferral(_)));
    let message = "Not requested: earlier calls failed or took too long; the job tries again.".to_owned();
    let retry_after = Some(asked_for.unwrap_or_else(wait_a_while));
    Embedded::Failed(Outcome::Failed { class: ErrorClass::Provider, message, retry_after })
}
