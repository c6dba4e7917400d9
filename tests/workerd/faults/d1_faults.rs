//! D1 that fails, commits without an answer, or stalls: acknowledged jobs exist, other requests got a documented error.
//! And a queue that delivers everything twice.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use longshore_kit::client::{Answer, eventually};
use longshore_kit::runner::Faults;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::faults::crash::sweep_until_all_end;
use crate::support::ledger::assert_agrees;
use crate::support::tenant::{SOON, Tenant, id_of, to_endpoint};
use crate::support::world::with_faults;

/// Requests that are posted at the same time.
const AT_ONCE: usize = 20;
/// Time until the producer stops trying: three tries of 30 s and the waits between them, and less than for a request 20
/// s later.
const PRODUCER_GIVES_UP_MS: std::ops::Range<u128> = 89_000..109_000;
/// Far longer than that: the test ends the stall.
const STALL: Duration = Duration::from_mins(3);

async fn post(tenant: &Tenant<'_>, key: &str, job: &Value) -> Answer {
    tenant.api.post_with("/v1/jobs", &[("idempotency-key", key)], job).await.unwrap()
}

/// Returns the id, if the job was acknowledged; otherwise checks the refusal.
fn acknowledged(answer: &Answer) -> Option<String> {
    if answer.status == 202 {
        return Some(id_of(&answer.body));
    }
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.body["type"], "urn:problem-type:longshore:unavailable");
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{:?}", answer.headers);
    None
}

/// Posts all jobs, each with its key. Returns the id of each acknowledged job, in their order.
async fn post_all(tenant: &Tenant<'_>, jobs: &[(String, Value)]) -> Vec<Option<String>> {
    let one = async |(key, job): &(String, Value)| acknowledged(&post(tenant, key, job).await);
    stream::iter(jobs).map(one).buffered(AT_ONCE).collect().await
}

/// A few hundred jobs on a database that loses 6 of 100 calls, then on one that loses more than half.
#[test]
fn d1_loses_calls_and_answers() {
    with_faults("flaky-d1", async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("orders", "/fail-times/1", json!({"schedule": "fast"})).await;
        let job = |number: usize| {
            let job = if number.is_multiple_of(5) { to_endpoint("orders") } else { tenant.webhook("/slow/20") };
            (format!("flaky-{number}"), job)
        };
        let jobs: Vec<_> = (0..400).map(job).collect();
        let flaky = Faults { d1_errors_per_mille: 50, d1_lost_per_mille: 10, ..Faults::default() };
        world.runner.faults(&flaky).await.unwrap();
        let mut ids: Vec<_> = post_all(&tenant, &jobs[..300]).await;
        let broken = Faults { d1_errors_per_mille: 450, d1_lost_per_mille: 200, ..Faults::default() };
        world.runner.faults(&broken).await.unwrap();
        ids.extend(post_all(&tenant, &jobs[300..]).await);
        let injected = world.runner.faults(&flaky).await.unwrap();
        assert!(injected.fail > 30 && injected.lose > 10, "{injected:?}");
        let known: BTreeSet<_> = ids.iter().flatten().cloned().collect();
        assert!(known.len() > 300 && known.len() < 400, "some were acknowledged, some refused: {}", known.len());
        let rows = "SELECT count(*) AS jobs FROM jobs WHERE tenant = ?1 AND id IN (SELECT value FROM json_each(?2))";
        let found = world.number(rows, vec![json!(tenant.name), json!(json!(known).to_string())]).await;
        assert_eq!(found, known.len() as u64, "every acknowledged job has its row");
        // A refused client repeats its request, and gets the job that may exist already.
        for ((key, job), before) in jobs.iter().zip(&ids) {
            let again = eventually(SOON, async || acknowledged(&post(&tenant, key, job).await));
            let again = again.await.expect("an acknowledgement");
            assert!(before.as_ref().is_none_or(|id| *id == again), "one key, one job");
        }
        sweep_until_all_end(&tenant).await;
        assert_eq!(tenant.count_jobs().await, 400);
        assert_agrees(&tenant).await;
    });
}

/// D1 gives no answer for a minute and a half, with jobs waiting, running and being posted.
#[test]
fn d1_stalls() {
    with_faults("stalled-d1", async |world| {
        let tenant = world.tenant().await;
        tenant.accept_all(&vec![tenant.webhook("/slow/200"); 40]).await;
        let sent = eventually(SOON, async || (tenant.received().len() > 4).then_some(())).await;
        assert!(sent.is_some());
        let stall_ms = u32::try_from(STALL.as_millis()).unwrap();
        let began = Instant::now();
        world.runner.faults(&Faults { d1_stall_ms: stall_ms, ..Faults::default() }).await.unwrap();
        let job = tenant.webhook("/ok");
        let is_over = Cell::new(false);
        let refused = async {
            let answer = post(&tenant, "refused", &job).await;
            assert_eq!(acknowledged(&answer), None);
            assert!(PRODUCER_GIVES_UP_MS.contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
            is_over.set(true);
            world.runner.faults(&Faults::default()).await.unwrap();
        };
        let patient = async {
            // Its third try outlives the stall, which ends when the other request fails.
            sleep(Duration::from_secs(20)).await;
            let id = acknowledged(&post(&tenant, "patient", &job).await);
            assert!(is_over.get(), "{:?}", began.elapsed());
            id.expect("an acknowledgement")
        };
        let ((), patient) = tokio::join!(refused, patient);
        assert!(tenant.received().len() < 41, "the stall came in the middle");
        assert_eq!(acknowledged(&post(&tenant, "patient", &job).await), Some(patient));
        let late = acknowledged(&post(&tenant, "refused", &job).await).expect("an acknowledgement");
        assert_eq!(acknowledged(&post(&tenant, "refused", &job).await), Some(late));
        sweep_until_all_end(&tenant).await;
        assert_eq!(tenant.count_succeeded().await, 42);
        assert_agrees(&tenant).await;
    });
}

/// The queue delivers every batch twice and at once, to one instance: no attempt is made twice.
#[test]
fn every_batch_is_delivered_twice_at_once() {
    with_faults("twice", async |world| {
        let tenant = world.tenant().await;
        world.runner.faults(&Faults { twice: true, ..Faults::default() }).await.unwrap();
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.extend(tenant.accept_all(&vec![tenant.webhook("/slow/10"); 60]).await);
            ids.push(tenant.accept(&tenant.webhook("/ok")).await);
            sweep_until_all_end(&tenant).await;
        }
        let injected = world.runner.faults(&Faults::default()).await.unwrap();
        assert!(injected.twice >= 4, "{injected:?}");
        let mut received: Vec<_> = tenant.received().iter().map(|one| one.webhook_id().to_owned()).collect();
        received.sort_unstable();
        ids.sort_unstable();
        assert_eq!(received, ids, "each job was sent once");
        assert_agrees(&tenant).await;
    });
}
