//! Enqueues the jobs: most in batches, some one by one, and one of them twice.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cases::{CASES, Case, DOWN};
use super::stage::Stage;
use super::{Failure, text};
use longshore_kit::client::expect;

/// Number of jobs of each endpoint that are enqueued one by one.
pub(super) const SINGLES: usize = 15;
/// Number of concurrent enqueue requests.
const AT_ONCE: usize = 8;
/// Header value that reaches the receiver and must not appear in the evidence.
pub(super) const SECRET: &str = "Bearer this-must-not-be-shown";

/// One accepted job.
pub(super) struct Job {
    pub(super) id: String,
    pub(super) case: &'static Case,
}

/// Answers to two equal requests.
pub(super) struct Duplicate {
    pub(super) key: String,
    pub(super) first_id: String,
    pub(super) second_id: String,
    /// True if the second answer had `Idempotency-Replayed: true`.
    pub(super) has_header: bool,
}

/// All accepted jobs.
pub(super) struct Enqueued {
    pub(super) jobs: Vec<Job>,
    pub(super) duplicate: Duplicate,
    pub(super) batches: usize,
    pub(super) took: Duration,
}

impl Enqueued {
    /// Enqueues every case of the table, and the first job a second time.
    pub(super) async fn all(stage: &Stage) -> Result<Self, Failure> {
        const ALL: &[Case] = &CASES;
        let began = Instant::now();
        // Failing endpoints first: their retries run during the burst.
        let singles = ALL.iter().rev().flat_map(|case| (0..case.jobs.min(SINGLES)).map(move |n| (case, n)));
        let mut jobs: Vec<Job> = stream::iter(singles)
            .map(|(case, n)| async move { single(stage, case, n).await.map(|(id, _)| Job { id, case }) })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let batched: Vec<_> = ALL.iter().filter(|case| case.jobs > SINGLES).collect();
        for case in &batched {
            jobs.extend(batch(stage, case).await?.into_iter().map(|id| Job { id, case }));
        }
        let took = began.elapsed();
        let duplicate = again(stage, &ALL[0], &jobs).await?;
        Ok(Self { jobs, duplicate, batches: batched.len(), took })
    }

    /// Returns the job of a case that has only one.
    pub(super) fn only_job_of(&self, case: &Case) -> &str {
        let found = self.jobs.iter().find(|job| job.case == case);
        found.map_or("", |job| &job.id)
    }
}

fn job(case: &Case, n: usize) -> Value {
    let mut job = json!({
        "kind": "webhook",
        "endpoint": case.endpoint, "payload": {"body": {"type": "demo.event", "from": case.endpoint, "number": n}},
    });
    if *case == DOWN {
        job["payload"]["headers"] = json!({"authorization": SECRET});
    }
    job
}

fn key(case: &Case, n: usize) -> String {
    format!("demo-{}-{n}", case.endpoint)
}

/// Sends one request for one job. Returns the job's id, and true if it already existed.
async fn single(stage: &Stage, case: &Case, n: usize) -> Result<(String, bool), Failure> {
    let request = "POST /v1/jobs";
    let key = [("idempotency-key", &*key(case, n))];
    let answer = stage.api.post_with("/v1/jobs", &key, &job(case, n)).await?;
    let replayed = answer.header("idempotency-replayed") == Some("true");
    let id = text(request, &expect(202, request, answer)?, "/id")?;
    Ok((id, replayed))
}

/// Sends one request for the rest of an endpoint's jobs. Returns their ids.
async fn batch(stage: &Stage, case: &Case) -> Result<Vec<String>, Failure> {
    let request = "POST /v1/jobs/batch";
    let jobs: Vec<_> = (SINGLES..case.jobs).map(|n| job(case, n)).collect();
    let key = format!("demo-{}-batch", case.endpoint);
    let answer = stage.api.post_with("/v1/jobs/batch", &[("idempotency-key", &key)], &json!({ "jobs": jobs })).await?;
    let answer = expect(200, request, answer)?;
    (0..jobs.len()).map(|index| text(request, &answer, &format!("/results/{index}/id"))).collect()
}

/// Sends the first single job of a case again, with the same key.
async fn again(stage: &Stage, case: &Case, jobs: &[Job]) -> Result<Duplicate, Failure> {
    let (second_id, has_header) = single(stage, case, 0).await?;
    let first = jobs.iter().find(|job| job.case == case);
    Ok(Duplicate {
        key: key(case, 0),
        first_id: first.map_or(String::new(), |job| job.id.clone()),
        second_id,
        has_header,
    })
}
