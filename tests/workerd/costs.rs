//! Rows that usage and failures cost on real D1.

use std::time::Duration;

use longshore::limits::plan::PAID;
use longshore::model::attempt::Measured;
use longshore::model::job::JobRef;
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::state::{DeadReason, Decision};
use longshore::run::settle::{Settlement, settle};
use longshore::run::usage::ModelUsage;
use longshore_conformance::stand::{measured, place};
use longshore_kit::client::early_in_a_day;

use crate::{cost, on_d1, success};

/// Usage costs a row per model and flush, and an index entry for the first row of a day.
#[tokio::test]
async fn usage_costs_a_row_for_each_model_of_a_flush() {
    on_d1("usage", async |stand, _| {
        early_in_a_day();
        let case = stand.case().await;
        let spent = |model: &str| ModelUsage { model: model.to_owned(), calls: 1, texts: 100, tokens: 9_000 };
        for expected in [2 + 2 * 2, 2 + 2] {
            let (token, mut settlements) = (stand.token(), Vec::new());
            for _ in 0..2 {
                let job = case.plain().await;
                assert_eq!(case.claim(&token, &[&job], false).await.len(), 1);
                let usage = vec![spent("own/small"), spent("own/large")];
                settlements.push(Settlement { usage, ..success(&job) });
            }
            for written_again in [expected, 0] {
                let (_, written, read) = cost(stand, settle(stand, &token, &PAID, &settlements)).await;
                println!("usage: {written} rows written, {read} read");
                assert_eq!(written, written_again);
            }
        }
    })
    .await;
}

/// A settlement of an attempt that failed with an answer.
fn failure(job: &JobRef, attempt: u32, decision: Decision) -> Settlement {
    let outcome = Outcome::failed(ErrorClass::Http5xx, "The destination answered 503.");
    let entry = Measured { answer: Some(b"database is down".to_vec()), ..measured(1, Some(503)) };
    Settlement {
        dies_in_ms: Some(60_000),
        ..Settlement::new(job.attempt(attempt), place(String::new()), outcome, decision, entry)
    }
}

/// A failure writes its job and two index entries, for its retry and for its cause; the first of a cause writes three rows
/// more. The next claim removes an entry, and so does the death, which adds two.
#[tokio::test]
async fn a_failure_costs_three_rows() {
    on_d1("failures", async |stand, _| {
        let case = stand.case().await;
        let retry = Decision::Retry { delay: Duration::from_secs(1), failures: 1 };
        let dead = Decision::DeadLetter { reason: DeadReason::AttemptsExhausted, failures: 2 };
        for (first, expected) in [(true, 3 + 3), (false, 3)] {
            let (job, token) = (case.plain().await, stand.token());
            assert_eq!(case.claim(&token, &[&job], false).await.len(), 1);
            for again in [expected, 0] {
                let (_, written, _) = cost(stand, settle(stand, &token, &PAID, &[failure(&job, 1, retry)])).await;
                assert_eq!(written, again, "the first of its cause: {first}");
            }
            case.make_past(1_000).await;
            let token = stand.token();
            let (claimed, written, _) = cost(stand, case.claim(&token, &[&job], false)).await;
            println!("a claim of a retry: {written} rows written");
            assert_eq!((claimed.len(), written), (1, 2));
            let (_, written, _) = cost(stand, settle(stand, &token, &PAID, &[failure(&job, 2, dead)])).await;
            println!("a death: {written} rows written");
            assert_eq!(written, 4);
        }
    })
    .await;
}
