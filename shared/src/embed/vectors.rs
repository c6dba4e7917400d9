//! Vectors of texts for all job kinds, from the embedding cache or from the provider.

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

/// Returns the vectors of some texts, in their order. Cached vectors are not requested again; without the search
/// database all texts are requested.
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
    let (hashes, model) = (texts.iter().map(|text| vectors::hash_of(text)).collect::<Vec<_>>(), wanted.cache_name());
    let asked: BTreeSet<&str> = hashes.iter().map(String::as_str).collect();
    // Safe to repeat: it only reads. The timeout is shorter than any lease.
    let read = vectors::read(world, wanted.tenant, &model, wanted.model.dimensions, &asked);
    let kept = within(world, PAYLOAD_GET_MS, read).await.and_then(Result::ok).unwrap_or_else(|| {
        tracing::warn!("embedding_cache_unreadable");
        BTreeMap::new()
    });
    let missing = hashes.iter().zip(texts).filter(|(hash, _)| !kept.contains_key(*hash));
    let (missing, texts): (Vec<&String>, Vec<String>) = missing.unzip();
    let asked_for = ask_and_keep(world, settings, pool, wanted, &missing, texts).await;
    // An error is only logged: the next job with these texts pays for them again.
    if let Err(error) = asked_for.kept {
        tracing::warn!(%error, "vectors_not_cached");
    }
    let mut asked_for = asked_for.results.into_iter();
    let from = |hash: &String| kept.get(hash).map(|vector| (Embedded::Vector(vector.clone()), Vec::new()));
    hashes.iter().filter_map(|hash| from(hash).or_else(|| asked_for.next())).collect()
}

/// The result of requesting vectors.
pub(crate) struct AskedFor {
    /// Result of each text, in order.
    pub(crate) results: Vec<EmbeddedText>,
    /// Result of writing the received vectors to the embedding cache.
    pub(crate) kept: Result<(), DatabaseError>,
}

/// Requests the vectors of some texts and caches the received ones under `hashes`.
pub(crate) async fn ask_and_keep<W: IndexDatabase + Http + Clock>(
    world: &W,
    settings: &Settings,
    pool: &Pool,
    wanted: TextOwner<'_>,
    hashes: &[&String],
    texts: Vec<String>,
) -> AskedFor {
    if texts.is_empty() {
        return AskedFor { results: Vec::new(), kept: Ok(()) };
    }
    let results = pool.embed(world, &settings.version, wanted, texts).await;
    let vectors = hashes.iter().zip(&results).filter_map(|(hash, (embedded, _))| match embedded {
        Embedded::Vector(vector) => Some(((*hash).clone(), vector.as_slice())),
        _ => None,
    });
    let kept = vectors::keep(world, wanted.tenant, &wanted.cache_name(), vectors).await;
    AskedFor { results, kept }
}

/// Lists each call once, in the order in which the calls were made. The decisive call comes last, because the log and
/// the evidence show the last call. The attempt fails with the outcome of the first text for which `decides` is true. A
/// failed call decides for all texts of its job, including texts that were not in it.
pub(crate) fn calls_in(results: &[EmbeddedText], decides: impl Fn(&Embedded) -> bool) -> Vec<Rc<Call>> {
    let mut calls = Vec::new();
    add_calls(&mut calls, results.iter().flat_map(|(_, calls)| calls));
    let Some((decisive, _)) = results.iter().find(|(result, _)| decides(result)) else { return calls };
    let is_decisive = |call: &Rc<Call>| {
        let mut same = results.iter().filter(|(embedded, _)| embedded == decisive);
        same.any(|(_, own)| own.last().is_some_and(|last| Rc::ptr_eq(last, call)))
    };
    if let Some(at) = calls.iter().rposition(is_decisive) {
        let deciding = calls.remove(at);
        calls.push(deciding);
    }
    calls
}

/// Adds the calls that are not in the list yet: texts may share a call.
pub(crate) fn add_calls<'a>(calls: &mut Vec<Rc<Call>>, more: impl IntoIterator<Item = &'a Rc<Call>>) {
    for call in more {
        if !calls.iter().any(|known| Rc::ptr_eq(known, call)) {
            calls.push(call.clone());
        }
    }
}

/// Tokens that count for this job: the provider counts all texts of a call together.
pub(crate) fn tokens_of(results: &[EmbeddedText]) -> u64 {
    let shares = results.iter().filter_map(|(_, calls)| calls.last()).map(|call| (call.tokens, call.texts as u64));
    let thousandths: u64 = shares.map(|(tokens, texts)| tokens * 1_000 / texts.max(1)).sum();
    thousandths.div_ceil(1_000)
}

/// The failure of an attempt with its wait. A wait that the provider did not ask for doubles with each attempt. A job
/// whose provider was not called waits at least as long, so that the sends of a job outlast a day. A job that used up
/// the invocation's calls alone fails instead of waiting: it would use them up again.
pub(crate) fn waiting(outcome: Outcome, attempt: u32, was_asked_for: bool) -> Outcome {
    let Outcome::Failed { class, message, retry_after } = outcome else { return outcome };
    let retry_after = match retry_after {
        Some(_) if message == NO_CALLS && was_asked_for => None,
        // A wait because of the database may be as long, but it is doubled already.
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

    /// A search database that never answers a read of cached vectors, a provider that records the times of its calls,
    /// and a clock that tests move.
    #[derive(Default)]
    struct Silent {
        now_ms: Cell<i64>,
        wakes: RefCell<BTreeSet<i64>>,
        asked_at: RefCell<Vec<i64>>,
    }

    impl Silent {
        /// Polls the future, moving the clock to the next wake-up each time.
        fn run<T>(&self, future: impl Future<Output = T>) -> T {
            let mut future = pin!(future);
            loop {
                if let Some(output) = future.as_mut().now_or_never() {
                    return output;
                }
                let next = self.wakes.borrow_mut().pop_first().expect("a sleeping future");
                self.now_ms.set(next);
            }
        }
    }

    impl IndexDatabase for Silent {
        async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
            if statements[0].name == "read_vectors" {
                std::future::pending::<()>().await;
            }
            Err(DatabaseError::Refused("It is unreachable.".into()))
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
    fn reading_cached_vectors_times_out_before_the_lease_ends() {
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
        let results = world.run(vectors_of(&world, &settings, &pool, wanted, vec!["words".to_owned()]));
        assert!(matches!(results[0].0, Embedded::Vector(_)), "{results:?}");
        let gathered = i64::try_from(EMBED_GATHER_MS).unwrap();
        assert_eq!(*world.asked_at.borrow(), [PAYLOAD_GET_MS + gathered]);
    }

    #[test]
    fn only_waits_that_no_provider_asked_for_grow_with_each_attempt() {
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
        // A job that was not requested because of a known pause waits longer each time too, at least for the rest of
        // the pause.
        for (seconds, attempt, expected) in [(23, 1, 23), (23, 3, 80), (600, 3, 600), (600, 90, 1_280)] {
            let turned_away = waiting(failed(ErrorClass::Provider, seconds), attempt, false);
            assert_eq!(turned_away, failed(ErrorClass::Provider, expected), "{seconds} s in attempt {attempt}");
        }
        assert_eq!(waiting(failed(ErrorClass::Provider, 23), 3, true), failed(ErrorClass::Provider, 23), "as it asked");
    }
}
