//! The vectors of some texts, for every kind that wants some: from what was kept, and from their provider.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::embed::ask::{Call, Embedded, EmbeddedText, NO_CALLS, wait_a_while};
use crate::embed::pool::{Pool, TextOwner};
use crate::limits::{EMBED_WAIT_DOUBLINGS, EMBED_WAIT_SECONDS, PAYLOAD_GET_MS};
use crate::model::backoff::doubled_wait;
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::ports::{Clock, DatabaseError, Http, IndexDatabase};
use crate::search::lexical;
use crate::settings::Settings;
use crate::settings::providers::Interface;
use crate::store::{vectors, within};

/// The vectors of some texts, in their order. What was asked for before is not asked for again; without the store of search
/// everything is asked for.
pub(crate) async fn vectors_of<W: IndexDatabase + Http + Clock>(
    world: &W,
    settings: &Settings,
    pool: &Pool,
    wanted: TextOwner<'_>,
    texts: Vec<String>,
) -> Vec<EmbeddedText> {
    if wanted.provider.interface == Interface::Builtin {
        return texts.iter().map(|text| (Embedded::Vector(lexical::embed(text)), Vec::new())).collect();
    }
    let (hashes, model) = (texts.iter().map(|text| vectors::hash_of(text)).collect::<Vec<_>>(), wanted.kept_as());
    let asked: BTreeSet<&str> = hashes.iter().map(String::as_str).collect();
    // Safe to repeat: it only reads. It is not waited for longer than the lease surely lasts.
    let read = vectors::read(world, wanted.tenant, &model, wanted.model.dimensions, &asked);
    let kept = within(world, PAYLOAD_GET_MS, read).await.and_then(Result::ok).unwrap_or_else(|| {
        tracing::warn!("the embedding cache cannot be read, all vectors are asked for");
        BTreeMap::new()
    });
    let missing = hashes.iter().zip(texts).filter(|(hash, _)| !kept.contains_key(*hash));
    let (missing, texts): (Vec<&String>, Vec<String>) = missing.unzip();
    let asked_for = ask_and_keep(world, settings, pool, wanted, &missing, texts).await;
    // Whoever asks again pays again.
    if let Err(error) = asked_for.kept {
        tracing::warn!(%error, "vectors could not be kept");
    }
    let mut asked_for = asked_for.told.into_iter();
    let from = |hash: &String| kept.get(hash).map(|vector| (Embedded::Vector(vector.clone()), Vec::new()));
    hashes.iter().filter_map(|hash| from(hash).or_else(|| asked_for.next())).collect()
}

/// What came of asking for the vectors of some texts.
pub(crate) struct AskedFor {
    /// What became of each text.
    pub(crate) told: Vec<EmbeddedText>,
    /// Whether the vectors that came are kept.
    pub(crate) kept: Result<(), DatabaseError>,
}

/// Asks for the vectors of texts, which are kept under these hashes, and keeps those that came.
pub(crate) async fn ask_and_keep<W: IndexDatabase + Http + Clock>(
    world: &W,
    settings: &Settings,
    pool: &Pool,
    wanted: TextOwner<'_>,
    hashes: &[&String],
    texts: Vec<String>,
) -> AskedFor {
    if texts.is_empty() {
        return AskedFor { told: Vec::new(), kept: Ok(()) };
    }
    let told = pool.embed(world, &settings.version, wanted, texts).await;
    let vectors = hashes.iter().zip(&told).filter_map(|(hash, (embedded, _))| match embedded {
        Embedded::Vector(vector) => Some(((*hash).clone(), vector.as_slice())),
        _ => None,
    });
    let kept = vectors::keep(world, wanted.tenant, &wanted.kept_as(), vectors).await;
    AskedFor { told, kept }
}

/// Every call once, in the order in which they were made, except that the call that decided comes last, because the log and the
/// evidence show the last call. The attempt fails with the outcome of the first text for which `decides` is true. A failed call
/// decides for all texts of its job, also for those that were not in it.
pub(crate) fn calls_in(told: &[EmbeddedText], decides: impl Fn(&Embedded) -> bool) -> Vec<Rc<Call>> {
    let mut calls = Vec::new();
    add_calls(&mut calls, told.iter().flat_map(|(_, calls)| calls));
    let Some((decisive, _)) = told.iter().find(|(came_to, _)| decides(came_to)) else { return calls };
    let came_to_it = |call: &Rc<Call>| {
        let mut same = told.iter().filter(|(embedded, _)| embedded == decisive);
        same.any(|(_, own)| own.last().is_some_and(|last| Rc::ptr_eq(last, call)))
    };
    if let Some(at) = calls.iter().rposition(came_to_it) {
        let deciding = calls.remove(at);
        calls.push(deciding);
    }
    calls
}

/// Adds the calls that are not there yet: a call may be shared.
pub(crate) fn add_calls<'a>(calls: &mut Vec<Rc<Call>>, more: impl IntoIterator<Item = &'a Rc<Call>>) {
    for call in more {
        if !calls.iter().any(|known| Rc::ptr_eq(known, call)) {
            calls.push(call.clone());
        }
    }
}

/// The part of the tokens that is this job's: a call counts all its texts together.
pub(crate) fn tokens_of(told: &[EmbeddedText]) -> u64 {
    let shares = told.iter().filter_map(|(_, calls)| calls.last()).map(|call| (call.tokens, call.texts as u64));
    let thousandths: u64 = shares.map(|(tokens, texts)| tokens * 1_000 / texts.max(1)).sum();
    thousandths.div_ceil(1_000)
}

/// The failure of an attempt, with the wait that it is worth: one that nobody asked for is doubled with each attempt, and one of a
/// provider that was not asked is at least as long, so that the sends of a job outlast a day; a
/// job that spent the invocation's calls by itself would spend them all again.
pub(crate) fn waiting(outcome: Outcome, attempt: u32, was_asked_for: bool) -> Outcome {
    let Outcome::Failed { class, message, retry_after } = outcome else { return outcome };
    let retry_after = match retry_after {
        Some(_) if message == NO_CALLS && was_asked_for => None,
        // A store's wait may be as long, and is doubled already.
        Some(RetryAfter::Deferral(wait))
            if class == ErrorClass::Provider && (!was_asked_for || RetryAfter::Deferral(wait) == wait_a_while()) =>
        {
            let doubled = doubled_wait(attempt, EMBED_WAIT_SECONDS, EMBED_WAIT_DOUBLINGS);
            Some(RetryAfter::Deferral(wait.max(doubled)))
        }
        other => other,
    };
    Outcome::Failed { class, message, retry_after }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use futures_util::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::limits::EMBED_GATHER_MS;
    use crate::ports::{HttpError, HttpRequest, HttpResponse, Rows, Statement};
    use crate::settings::providers::{Choice, Model, Provider};

    /// A store of search that never says what was kept, a provider that notes when it is asked, and a clock that tests move.
    #[derive(Default)]
    struct Silent {
        now_ms: Cell<i64>,
        wakes: RefCell<BTreeSet<i64>>,
        asked_at: RefCell<Vec<i64>>,
    }

    impl Silent {
        /// Moves the clock from wait to wait.
        fn run<T>(&self, future: impl Future<Output = T>) -> T {
            let mut future = pin!(future);
            loop {
                if let Some(output) = future.as_mut().now_or_never() {
                    return output;
                }
                let next = self.wakes.borrow_mut().pop_first().expect("somebody waits");
                self.now_ms.set(next);
            }
        }
    }

    impl IndexDatabase for Silent {
        async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
            if statements[0].name == "read_vectors" {
                std::future::pending::<()>().await;
            }
            Err(DatabaseError::Refused("It is away.".into()))
        }
    }

    impl Http for Silent {
        async fn send_request(&self, _: &HttpRequest) -> Result<HttpResponse, HttpError> {
            self.asked_at.borrow_mut().push(self.now_ms());
            let body = json!({"data": [{"embedding": [3, 4]}]}).to_string().into_bytes();
            Ok(HttpResponse { status: 200, headers: Vec::new(), body, truncated: false, body_error: None })
        }
    }

    impl Clock for Silent {
        fn now_ms(&self) -> i64 {
            self.now_ms.get()
        }

        async fn sleep(&self, duration: Duration) {
            let end = self.now_ms() + i64::try_from(duration.as_millis()).unwrap();
            std::future::poll_fn(|_| {
                if self.now_ms() >= end {
                    return Poll::Ready(());
                }
                self.wakes.borrow_mut().insert(end);
                Poll::Pending
            })
            .await;
        }

        fn random(&self) -> u128 {
            0
        }
    }

    #[test]
    fn cached_vectors_are_not_waited_for_longer_than_the_lease_surely_lasts() {
        let settings = Settings::parse(|name| (name == "MASTER_KEY").then(|| "00".repeat(32))).unwrap();
        let model = Model::new(2);
        let provider = Provider {
            interface: Interface::OpenaiCompatible,
            url: "https://embed.example.com/v1".into(),
            models: [("m".to_owned(), model)].into(),
            key: None,
        };
        let choice = Choice { provider: "p".into(), model: "m".into() };
        let (world, pool, lease) = (Silent::default(), Pool::new(1, 0), Rc::new(Cell::new(30_000)));
        let wanted = TextOwner { tenant: "acme", lease: &lease, choice: &choice, provider: &provider, model };
        let told = world.run(vectors_of(&world, &settings, &pool, wanted, vec!["words".to_owned()]));
        assert!(matches!(told[0].0, Embedded::Vector(_)), "{told:?}");
        let gathered = i64::try_from(EMBED_GATHER_MS).unwrap();
        assert_eq!(*world.asked_at.borrow(), [PAYLOAD_GET_MS + gathered]);
    }

    #[test]
    fn only_what_no_provider_was_asked_for_waits_longer_each_time() {
        let wait = |class, attempt| {
            let outcome = Outcome::Failed { class, message: String::new(), retry_after: Some(wait_a_while()) };
            waiting(outcome, attempt, true)
        };
        let failed = |class, seconds| {
            let retry_after = Some(RetryAfter::Deferral(Duration::from_secs(seconds)));
            Outcome::Failed { class, message: String::new(), retry_after }
        };
        assert_eq!(wait(ErrorClass::Provider, 2), failed(ErrorClass::Provider, 2 * EMBED_WAIT_SECONDS));
        assert_eq!(wait(ErrorClass::Internal, 2), failed(ErrorClass::Internal, EMBED_WAIT_SECONDS));
        // Who was turned away by what others were told waits longer each time, too, and at least as long as is left.
        for (seconds, attempt, expected) in [(23, 1, 23), (23, 3, 80), (600, 3, 600), (600, 90, 1_280)] {
            let turned_away = waiting(failed(ErrorClass::Provider, seconds), attempt, false);
            assert_eq!(turned_away, failed(ErrorClass::Provider, expected), "{seconds} s in attempt {attempt}");
        }
        assert_eq!(waiting(failed(ErrorClass::Provider, 23), 3, true), failed(ErrorClass::Provider, 23), "as it asked");
    }
}
