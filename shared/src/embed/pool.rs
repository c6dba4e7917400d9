//! The pool of one invocation: texts of jobs that run together and want the same model are asked for in the same calls.
//!
//! Whoever finds nobody asking waits a moment for the others and then asks for all that wait, until nothing is left. A provider
//! that asked for time is asked by no line that begins before it is over, in this invocation or one that begins later ([`pause`]).

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

/// Whose texts they are, and the model that is wanted.
#[derive(Clone, Copy)]
pub(crate) struct TextOwner<'a> {
    pub(crate) tenant: &'a str,
    /// When the lease of the job ends that wants them.
    pub(crate) lease: &'a Rc<Cell<i64>>,
    pub(crate) choice: &'a Choice,
    pub(crate) provider: &'a Provider,
    pub(crate) model: Model,
}

impl TextOwner<'_> {
    /// The name under which its vectors are kept.
    pub(crate) fn kept_as(&self) -> String {
        format!("{}/{}", self.choice, self.model.dimensions)
    }
}

struct Waiting {
    text: String,
    /// When the lease of its job ends.
    lease: Rc<Cell<i64>>,
    tell: oneshot::Sender<EmbeddedText>,
}

/// The texts that may share a call: nobody's are in one with those of another tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TextGroup {
    tenant: String,
    choice: Choice,
}

/// Texts that wait for their vectors.
#[derive(Default)]
pub(crate) struct Pool {
    waiting: RefCell<BTreeMap<TextGroup, VecDeque<Waiting>>>,
    /// Lines that somebody asks for.
    asked_for: RefCell<BTreeSet<TextGroup>>,
    /// Until when each provider is left alone by this machine's clock, as far as this invocation knows.
    paused_until: RefCell<BTreeMap<String, i64>>,
    calls_left: Cell<usize>,
    began_at: i64,
}

impl Pool {
    /// A pool that makes so many calls at most, and none once its invocation is [`EMBED_MS_MAX`] old.
    pub(crate) fn new(calls: usize, now_ms: i64) -> Self {
        Self { calls_left: Cell::new(calls), began_at: now_ms, ..Self::default() }
    }

    /// The vectors of some texts of a tenant, in their order.
    pub(crate) async fn embed<W: IndexDatabase + Http + Clock>(
        &self,
        world: &W,
        version: &str,
        wanted: TextOwner<'_>,
        texts: Vec<String>,
    ) -> Vec<EmbeddedText> {
        let TextOwner { tenant, lease, choice, provider, model } = wanted;
        let line = TextGroup { tenant: tenant.to_owned(), choice: choice.clone() };
        let answers: Vec<_> = texts.into_iter().map(|text| self.wait_for(&line, text, lease.clone())).collect();
        if self.asked_for.borrow_mut().insert(line.clone()) {
            world.sleep(Duration::from_millis(EMBED_GATHER_MS)).await;
            let (calls_left, ends_at) = (&self.calls_left, self.began_at + EMBED_MS_MAX);
            let asked = EmbeddingRequest { provider, choice, model, version, calls_left, ends_at };
            self.ask_all(world, &line, &asked).await;
            self.asked_for.borrow_mut().remove(&line);
        }
        let forgotten =
            || (Embedded::Failed(Outcome::failed(ErrorClass::Internal, "Nobody asked for it.")), Vec::new());
        join_all(answers).await.into_iter().map(|told| told.unwrap_or_else(|_| forgotten())).collect()
    }

    /// Asks for all that waits in a line, a round of calls after the other. The first in which the provider fails is the last
    /// one: whoever was not asked for then waits, and spends no failure.
    async fn ask_all<W: IndexDatabase + Http + Clock>(
        &self,
        world: &W,
        line: &TextGroup,
        asked: &EmbeddingRequest<'_>,
    ) {
        if let Some(wait) = self.pause_of(world, &line.choice.provider).await {
            let wait = wait.max(Duration::from_secs(EMBED_WAIT_SECONDS));
            return self.turn_away(line, &not_asked(Some(RetryAfter::Deferral(wait))));
        }
        loop {
            let next = self.take(line, asked.model, world.now_ms());
            if next.is_empty() {
                return;
            }
            let texts: Vec<&str> = next.iter().map(|waiting| waiting.text.as_str()).collect();
            let leases: Vec<_> = next.iter().map(|waiting| waiting.lease.clone()).collect();
            let Round { told, is_over, pause } = ask(world, asked, &texts, &leases).await;
            if let Some(wait) = pause {
                self.pause(world, &line.choice.provider, wait).await;
            }
            for (waiting, told) in next.into_iter().zip(told) {
                // Whoever does not listen any more has ended.
                let _ = waiting.tell.send(told);
            }
            if is_over {
                return self.turn_away(line, &not_asked(pause.map(RetryAfter::Deferral)));
            }
        }
    }

    /// Tells all that waits in a line that it was not asked for.
    fn turn_away(&self, line: &TextGroup, embedded: &Embedded) {
        for waiting in self.waiting.borrow_mut().remove(line).unwrap_or_default() {
            let _ = waiting.tell.send((embedded.clone(), Vec::new()));
        }
    }

    /// How long a provider is still to be left alone; `None` if it may be asked. The store is asked once for each provider.
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

    /// Leaves a provider alone, and has all others do so.
    async fn pause<W: IndexDatabase + Clock>(&self, world: &W, provider: &str, wait: Duration) {
        let ms = pause::keep(world, provider, wait).await;
        self.paused_until.borrow_mut().insert(provider.to_owned(), world.now_ms() + ms);
    }

    fn wait_for(&self, line: &TextGroup, text: String, lease: Rc<Cell<i64>>) -> oneshot::Receiver<EmbeddedText> {
        let (tell, answer) = oneshot::channel();
        self.waiting.borrow_mut().entry(line.clone()).or_default().push_back(Waiting { text, lease, tell });
        answer
    }

    /// The next texts of one call, one at least. What its job has lost the lease for is not asked, nor what it may have lost it
    /// for when the call arrives: another may run it by then. Heartbeats keep more than the margin, if they can.
    fn take(&self, line: &TextGroup, Model { dimensions, .. }: Model, now_ms: i64) -> Vec<Waiting> {
        let most = (EMBED_VALUES_PER_CALL / dimensions.max(1)).clamp(1, EMBED_TEXTS_PER_CALL);
        let mut waiting = self.waiting.borrow_mut();
        let Some(queue) = waiting.get_mut(line) else { return Vec::new() };
        let (mut taken, mut bytes): (Vec<Waiting>, usize) = (Vec::new(), 0);
        while let Some(next) = queue.pop_front() {
            if next.lease.get() - now_ms < LEASE_MARGIN_MS {
                let _ = next.tell.send((not_asked(None), Vec::new()));
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

/// What becomes of a text that was not asked for: it waits as long as the provider asked for, or a while.
fn not_asked(wait: Option<RetryAfter>) -> Embedded {
    let asked_for = wait.filter(|wait| matches!(wait, RetryAfter::Deferral(_)));
    let message = "It was not asked for: calls before it failed, or took too long.".to_owned();
    let retry_after = Some(asked_for.unwrap_or_else(wait_a_while));
    Embedded::Failed(Outcome::Failed { class: ErrorClass::Provider, message, retry_after })
}
