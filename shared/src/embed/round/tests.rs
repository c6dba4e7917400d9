//! Tests of rounds, and of jobs that share them, with a provider that returns prepared answers.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::*;
use crate::embed::pause::PAUSE_MS_MAX;
use crate::embed::pool::{Pool, TextOwner};
use crate::embed::vectors::calls_in;
use crate::limits::{EMBED_BYTES_PER_CALL, EMBED_TEXTS_PER_CALL, EMBED_WAIT_SECONDS};
use crate::model::outcome::ErrorClass;
use crate::ports::{DatabaseError, HttpError, HttpRequest, HttpResponse, IndexDatabase, Param, Rows, Statement};
use crate::run::usage::{ModelUsage, usage_of};
use crate::settings::providers::{Choice, Interface, Model, Provider};

/// A provider that returns prepared answers, refuses texts with `bad` in them, or returns vectors of two numbers.
#[derive(Default)]
struct Provided {
    answers: RefCell<Vec<Result<HttpResponse, HttpError>>>,
    calls: RefCell<Vec<usize>>,
    /// Stored pauses of providers in milliseconds; `None`: the search database fails.
    pauses: RefCell<Option<BTreeMap<String, f64>>>,
    /// Names of the statements that were sent to the database.
    batches: RefCell<Vec<&'static str>>,
}

fn response(status: u16, headers: &[(&str, &str)], body: &Value) -> HttpResponse {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HttpResponse { status, headers, body: body.to_string().into_bytes(), truncated: false, body_error: None }
}

/// The same answer with an interrupted body.
fn interrupted(response: HttpResponse) -> HttpResponse {
    HttpResponse { body_error: Some("Network connection lost.".into()), ..response }
}

impl Http for Provided {
    async fn send_request(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let texts: Vec<&str> = asked["input"]
            .as_array()
            .or(asked["text"].as_array())
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect();
        self.calls.borrow_mut().push(texts.len());
        if let Some(answer) = self.answers.borrow_mut().pop() {
            return answer;
        }
        if texts.iter().any(|text| text.contains("poison")) {
            return Ok(response(500, &[], &json!({})));
        }
        if texts.iter().any(|text| text.contains("bad")) {
            return Ok(response(400, &[], &json!({"error": {"message": "too bad"}})));
        }
        let vectors: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| json!({"index": index, "embedding": [text.len(), 1]}))
            .collect();
        Ok(response(200, &[], &json!({"data": vectors, "usage": {"total_tokens": texts.len() * 3}})))
    }
}

impl IndexDatabase for Provided {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let [Statement { name, params, .. }] = statements else { panic!("{statements:?}") };
        self.batches.borrow_mut().push(name);
        let mut pauses = self.pauses.borrow_mut();
        let Some(pauses) = pauses.as_mut() else { return Err(DatabaseError::Refused("It is unreachable.".into())) };
        let Some(Param::Text(provider)) = params.first() else { panic!("{params:?}") };
        Ok(vec![match params.get(1) {
            Some(Param::Number(ms)) => {
                pauses.insert(provider.clone(), *ms);
                vec![String::new()]
            }
            _ => pauses.get(provider).map(|ms| format!("[{ms}]")).into_iter().collect(),
        }])
    }
}

impl Clock for Provided {
    fn now_ms(&self) -> i64 {
        0
    }

    async fn sleep(&self, _: Duration) {
        // Yields once, so that the other futures run.
        let mut waited = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    }

    fn random(&self) -> u128 {
        0
    }
}

const MODEL: Model = Model::new(2);

fn provider() -> Provider {
    Provider {
        interface: Interface::OpenaiCompatible,
        url: "https://api.example.com/v1".into(),
        models: [("m".to_owned(), MODEL)].into(),
        key: Some("hush".into()),
    }
}

fn ask_all(world: &Provided, calls: usize, texts: &[&str]) -> Vec<EmbeddedText> {
    let (provider, calls_left) = (provider(), Cell::new(calls));
    let choice = Choice { provider: "p".into(), model: "m".into() };
    let asked = asking(&provider, &choice, &calls_left);
    let lease = Rc::new(Cell::new(i64::MAX));
    ask(world, &asked, texts, &vec![lease; texts.len()]).now_or_never().unwrap().results
}

fn asking<'a>(provider: &'a Provider, choice: &'a Choice, calls_left: &'a Cell<usize>) -> EmbeddingRequest<'a> {
    EmbeddingRequest { provider, choice, model: MODEL, version: "1", calls_left, ends_at: i64::MAX }
}

fn shown(results: &[EmbeddedText]) -> String {
    let letter = |(embedded, _): &EmbeddedText| match embedded {
        Embedded::Vector(_) => 'v',
        Embedded::Refused(message) => {
            assert_eq!(message, "too bad");
            'r'
        }
        Embedded::Missing(_) => 'm',
        Embedded::Failed(Outcome::Failed { retry_after: Some(RetryAfter::Deferral(_)), .. }) => 'w',
        Embedded::Failed(_) => 'f',
    };
    results.iter().map(letter).collect()
}

#[test]
fn a_refused_text_is_found_among_a_hundred_and_harms_no_other() {
    for place in [0, 1, 37, 63, 98, 99] {
        let world = Provided::default();
        let texts: Vec<&str> = (0..100).map(|n| if n == place { "bad" } else { "good" }).collect();
        let results = ask_all(&world, 100, &texts);
        let expected: String = (0..100).map(|n| if n == place { 'r' } else { 'v' }).collect();
        assert_eq!(shown(&results), expected);
        let calls = world.calls.borrow().len();
        assert!(calls <= 15, "{calls} calls: the whole, and two for each halving");
        let of = |n: usize| results[n].1.len();
        assert!(of(place) >= 7 && (0..100).all(|n| of(n) <= of(place)), "each text has only its own calls");
    }
}

#[test]
fn refused_texts_cost_at_most_the_calls_that_are_left() {
    let world = Provided::default();
    let texts: Vec<&str> = (0..64).map(|n| if n == 0 { "good" } else { "bad" }).collect();
    let results = ask_all(&world, 10, &texts);
    assert_eq!(world.calls.borrow().len(), 10);
    assert_eq!(&shown(&results)[..2], "vr", "the first results");
    let waits = |results: &[EmbeddedText]| match &results.last().unwrap().0 {
        Embedded::Failed(Outcome::Failed { retry_after, .. }) => *retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(waits(&results), Some(wait_a_while()));
}

#[test]
fn a_request_that_is_refused_with_any_text_is_no_refusal_of_its_texts() {
    let world = Provided::default();
    let results = ask_all(&world, 1_000, &["bad"; 64]);
    assert_eq!(shown(&results), format!("rrr{}", "f".repeat(61)));
    assert!(world.calls.borrow().len() < 12, "{:?}", world.calls);
    let Embedded::Failed(Outcome::Failed { class, message, retry_after }) = &results[63].0 else {
        panic!("{results:?}")
    };
    let expected = (ErrorClass::Provider, "The provider refuses every text: too bad", None);
    assert_eq!((*class, message.as_str(), *retry_after), expected);
}

#[test]
fn the_answer_of_a_provider_decides_the_outcome() {
    let deferred = |seconds| Some(RetryAfter::Deferral(Duration::from_secs(seconds)));
    let truncated = HttpResponse { truncated: true, ..response(200, &[], &json!({})) };
    let whole = json!({"data": [{"embedding": [1, 2]}, {"embedding": [3, 4]}]});
    for (answer, message, expected) in [
        (Ok(response(429, &[("retry-after", "7")], &json!({}))), "answered 429", deferred(7)),
        (Ok(response(429, &[], &json!({}))), "answered 429", deferred(EMBED_WAIT_SECONDS)),
        (Ok(response(503, &[("retry-after", "9")], &json!({}))), "answered 503", deferred(9)),
        (Ok(response(503, &[], &json!({}))), "answered 503", None),
        (
            Ok(response(500, &[("retry-after", "9")], &json!({}))),
            "answered 500",
            Some(RetryAfter::AtLeast(Duration::from_secs(9))),
        ),
        (Ok(response(401, &[], &json!({"error": "no"}))), "answered 401", None),
        (Ok(response(200, &[], &json!({"data": []}))), "0 vectors for 2 texts", None),
        (Ok(truncated), "too long", None),
        (Ok(interrupted(response(200, &[], &whole))), "answer was interrupted", None),
        (Ok(interrupted(response(429, &[("retry-after", "7")], &json!({})))), "answered 429", deferred(7)),
        (Ok(interrupted(response(503, &[("retry-after", "9")], &json!({})))), "answered 503", deferred(9)),
        (
            Err(HttpError::Unfinished { ms: 30_000, received: Box::new(response(200, &[], &whole)) }),
            "no complete response within 30000 ms",
            None,
        ),
        (Err(HttpError::Timeout(30_000)), "no complete response within 30000 ms", None),
    ] {
        let world = Provided::default();
        world.answers.borrow_mut().push(answer);
        let results = ask_all(&world, 10, &["one", "two"]);
        for (embedded, calls) in &results {
            let Embedded::Failed(Outcome::Failed { class, message: actual, retry_after }) = embedded else {
                panic!("{embedded:?}")
            };
            assert_eq!((*class, *retry_after, calls.len()), (ErrorClass::Provider, expected, 1));
            assert!(actual.contains(message), "{actual}");
        }
    }
}

#[test]
fn a_failed_call_ends_the_round_and_keeps_earlier_vectors() {
    let world = Provided::default();
    // The call of two texts is refused; its first half succeeds, and its second half fails.
    let good = response(200, &[], &json!({"data": [{"embedding": [1, 2]}]}));
    let refused = response(400, &[], &json!({}));
    *world.answers.borrow_mut() = vec![Ok(response(500, &[], &json!({}))), Ok(good), Ok(refused)];
    assert_eq!(shown(&ask_all(&world, 10, &["one", "two"])), "vf");
}

fn embed_in<'a>(
    pool: &'a Pool,
    world: &'a Provided,
    model: &str,
    texts: &[&str],
) -> impl Future<Output = Vec<EmbeddedText>> + use<'a> {
    let choice = Choice { provider: "p".into(), model: model.into() };
    let tenant = model.to_owned();
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    async move {
        let (provider, lease) = (provider(), Rc::new(Cell::new(i64::MAX)));
        let wanted = TextOwner { tenant: &tenant, lease: &lease, choice: &choice, provider: &provider, model: MODEL };
        pool.embed(world, "1", wanted, texts).await
    }
}

/// Polls until the future is ready; each sleep takes one poll.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    (0..1_000).find_map(|_| future.as_mut().now_or_never()).unwrap()
}

#[test]
fn jobs_that_run_together_share_their_calls() {
    let (pool, world) = (Pool::new(20, 0), Provided::default());
    let jobs = ["a", "bb", "ccc"].map(|text| embed_in(&pool, &world, "m", &[text, "bad"]));
    let results = block_on(join_all(jobs));
    assert_eq!(results.iter().map(|results| shown(results)).collect::<Vec<_>>(), ["vr", "vr", "vr"]);
    let lengths = results.iter().map(|results| match &results[0].0 {
        Embedded::Vector(vector) => vector[0].round(),
        other => panic!("{other:?}"),
    });
    assert_eq!(lengths.collect::<Vec<_>>(), [1.0, 2.0, 3.0], "each job has its own vector");
    assert_eq!(world.calls.borrow()[0], 6, "one call for all");
    assert!(Rc::ptr_eq(&results[0][0].1[0], &results[2][0].1[0]), "each job has the shared call");
}

#[test]
fn a_shared_call_is_counted_by_the_first_job_that_finishes() {
    let (pool, world) = (Pool::new(20, 0), Provided::default());
    let results = block_on(join_all(["a", "bb"].map(|text| embed_in(&pool, &world, "m", &[text]))));
    let [first, second] = [1, 0].map(|job: usize| usage_of(&calls_in(&results[job], |_| false)));
    let spent = |calls, texts, tokens| vec![ModelUsage { model: "p/m".into(), calls, texts, tokens }];
    assert_eq!((first, second), (spent(1, 2, 6), Vec::new()));
    // Each half of a refused call is a call too, and so is a failed one.
    let results = block_on(embed_in(&pool, &world, "m", &["a", "bad"]));
    assert_eq!(usage_of(&calls_in(&results, |_| false)), spent(3, 4, 3));
    let counted = json!({"data": [{"embedding": [1, 1]}], "usage": {"total_tokens": 7}});
    *world.answers.borrow_mut() = vec![Ok(response(500, &[], &json!({}))), Ok(response(200, &[], &counted))];
    let all = [block_on(embed_in(&pool, &world, "m", &["a"])), block_on(embed_in(&pool, &world, "m", &["b"]))].concat();
    assert_eq!(usage_of(&calls_in(&all, |_| false)), spent(2, 2, 7));
}

#[test]
fn other_models_and_later_requests_use_separate_calls() {
    let (pool, world) = (Pool::new(10, 0), Provided::default());
    block_on(join_all([embed_in(&pool, &world, "m", &["a"]), embed_in(&pool, &world, "n", &["b"])]));
    block_on(embed_in(&pool, &world, "m", &["c"]));
    assert_eq!(*world.calls.borrow(), [1, 1, 1]);
}

#[test]
fn a_call_has_limits_and_one_large_text_is_still_requested() {
    let (pool, world) = (Pool::new(100, 0), Provided::default());
    let texts = vec!["a"; 2 * EMBED_TEXTS_PER_CALL + 1];
    assert_eq!(block_on(embed_in(&pool, &world, "m", &texts)).len(), texts.len());
    let large = "x".repeat(EMBED_BYTES_PER_CALL);
    block_on(embed_in(&pool, &world, "m", &["a", &large, "b"]));
    assert_eq!(*world.calls.borrow(), [EMBED_TEXTS_PER_CALL, EMBED_TEXTS_PER_CALL, 1, 1, 1, 1]);
}

#[test]
fn evidence_of_a_call_has_no_text_and_no_key() {
    let results = ask_all(&Provided::default(), 10, &["private"]);
    let shown = format!("{:?}", results[0].1[0].wire);
    assert!(shown.contains("body_sha256") && shown.contains("/v1/embeddings"), "{shown}");
    assert!(!shown.contains("private") && !shown.contains("hush"), "{shown}");
}

#[test]
fn one_answer_that_asks_for_time_is_enough() {
    let (pool, world) = (Pool::new(100, 0), Provided::default());
    world.answers.borrow_mut().push(Ok(response(429, &[("retry-after", "60")], &json!({}))));
    let texts = vec!["a"; 3 * EMBED_TEXTS_PER_CALL];
    let results = block_on(embed_in(&pool, &world, "m", &texts));
    assert_eq!(*world.calls.borrow(), [EMBED_TEXTS_PER_CALL]);
    let expected = Some(RetryAfter::Deferral(Duration::from_mins(1)));
    assert!(results.iter().all(|one| wait_of(one) == expected), "{results:?}");
    let next = block_on(join_all([embed_in(&pool, &world, "m", &["a"]), embed_in(&pool, &world, "n", &["a"])]));
    assert!(next.iter().all(|results| wait_of(&results[0]) == expected && results[0].1.is_empty()), "{next:?}");
    assert_eq!(world.calls.borrow().len(), 1, "nor for another model of the provider");
}

#[test]
fn texts_of_a_job_with_a_lost_lease_are_not_requested() {
    let (world, pool, provider) = (Provided::default(), Pool::new(9, 0), provider());
    let choice = Choice { provider: "p".into(), model: "m".into() };
    let embed = async |until: i64, text: &str| {
        let lease = Rc::new(Cell::new(until));
        let wanted = TextOwner { tenant: "t", lease: &lease, choice: &choice, provider: &provider, model: MODEL };
        pool.embed(&world, "1", wanted, vec![text.to_owned()]).await
    };
    let results = block_on(join_all([embed(LEASE_MARGIN_MS - 1, "nearly lost"), embed(LEASE_MARGIN_MS, "held")]));
    assert_eq!((shown(&results[0]), shown(&results[1])), ("w".to_owned(), "v".to_owned()));
    assert_eq!(*world.calls.borrow(), [1]);
}

#[test]
fn a_pause_of_one_invocation_applies_to_all() {
    let world = Provided { pauses: RefCell::new(Some(BTreeMap::new())), ..Provided::default() };
    for (seconds, paused_ms) in [("60", 60_000), ("86400", PAUSE_MS_MAX)] {
        world.answers.borrow_mut().push(Ok(response(429, &[("retry-after", seconds)], &json!({}))));
        block_on(embed_in(&Pool::new(9, 0), &world, "m", &["a"]));
        let other = Pool::new(9, 0);
        let both = block_on(join_all([embed_in(&other, &world, "m", &["a"]), embed_in(&other, &world, "n", &["a"])]));
        let expected = Some(RetryAfter::Deferral(Duration::from_millis(paused_ms.unsigned_abs())));
        assert!(both.iter().all(|results| wait_of(&results[0]) == expected), "{both:?}");
        world.pauses.borrow_mut().as_mut().unwrap().clear();
    }
    assert_eq!(world.calls.borrow().len(), 2);
    let once = ["read_pause", "pause_provider", "read_pause"];
    assert_eq!(*world.batches.borrow(), [once, once].concat(), "each invocation reads it once");
}

#[test]
fn only_a_request_of_the_provider_pauses_its_calls() {
    let world = Provided { pauses: RefCell::new(Some(BTreeMap::new())), ..Provided::default() };
    for status in [Ok(500), Ok(503), Err(HttpError::Timeout(1))] {
        world.answers.borrow_mut().push(status.map(|status| response(status, &[], &json!({}))));
        block_on(embed_in(&Pool::new(9, 0), &world, "m", &["a"]));
    }
    // The invocation has no calls left.
    block_on(embed_in(&Pool::new(0, 0), &world, "m", &["a"]));
    assert!(!world.batches.borrow().contains(&"pause_provider"));
    assert_eq!(shown(&block_on(embed_in(&Pool::new(9, 0), &world, "m", &["a"]))), "v");
}

#[test]
fn an_old_invocation_makes_no_calls() {
    let (pool, world) = (Pool::new(100, -crate::limits::EMBED_MS_MAX), Provided::default());
    assert_eq!(shown(&block_on(embed_in(&pool, &world, "m", &["a"]))), "w");
    assert!(world.calls.borrow().is_empty());
}

fn wait_of((embedded, _): &EmbeddedText) -> Option<RetryAfter> {
    match embedded {
        Embedded::Failed(Outcome::Failed { retry_after, .. }) => *retry_after,
        other => panic!("{other:?}"),
    }
}

mod sharing;
mod workers_ai;
