//! A tenant as tests use it: its jobs, its endpoints, and the requests that the receiver got from it.

use std::time::Duration;

use longshore_kit::client::{Answer, Client, eventually};
use longshore_kit::receiver::Received;
use serde_json::{Value, json};

use crate::support::world::World;

/// Longest wait of a test; a test that reaches it has failed.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// A tenant of one test.
pub(crate) struct Tenant<'a> {
    pub(crate) world: &'a World,
    pub(crate) name: String,
    /// A caller with the scope `admin`.
    pub(crate) api: Client,
}

impl<'a> Tenant<'a> {
    pub(crate) fn new(world: &'a World, name: String, api: Client) -> Self {
        Tenant { world, name, api }
    }

    /// Receiver URL of a behaviour, at a path that belongs to this tenant: `/ok` becomes `/ok/tenant-1`.
    pub(crate) fn url(&self, behaviour: &str) -> String {
        self.world.receiver.url(&format!("{behaviour}/{}", self.name))
    }

    /// Body of a webhook job to the receiver.
    pub(crate) fn webhook(&self, behaviour: &str) -> Value {
        json!({"kind": "webhook", "payload": {"url": self.url(behaviour), "body": {"n": 1}}})
    }

    /// Posts a job and returns its id.
    pub(crate) async fn accept(&self, job: &Value) -> String {
        let answer = self.api.post("/v1/jobs", job).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
        id_of(&answer.body)
    }

    /// Posts a job with a key. Returns its id, if it was acknowledged.
    pub(crate) async fn accept_with_key(&self, key: &str, job: &Value) -> Option<String> {
        let answer = self.api.post_with("/v1/jobs", &[("idempotency-key", key)], job).await.ok()?;
        (answer.status == 202).then(|| id_of(&answer.body))
    }

    /// Posts a batch, all of which must be accepted, and returns the ids.
    pub(crate) async fn accept_all(&self, jobs: &[Value]) -> Vec<String> {
        let answer = self.api.post("/v1/jobs/batch", &json!({"jobs": jobs})).await.unwrap();
        assert_eq!(answer.body["summary"]["accepted"], jobs.len(), "{}", answer.body["summary"]);
        answer.body["results"].as_array().unwrap().iter().map(id_of).collect()
    }

    /// Posts a job and waits until it has ended.
    pub(crate) async fn complete(&self, job: &Value) -> Value {
        let id = self.accept(job).await;
        self.ended(&id).await
    }

    /// Creates a dead letter with one failed attempt.
    pub(crate) async fn dead_letter(&self) -> String {
        let mut job = self.webhook("/status/500");
        job["max_attempts"] = json!(1);
        let dead = self.complete(&job).await;
        assert_eq!(dead["state"], "dead", "{dead}");
        id_of(&dead)
    }

    /// Returns the cause of a job's last failure.
    pub(crate) async fn cause_of(&self, job: &str) -> String {
        self.job(job).await["cause"].as_str().expect("it has failed").to_owned()
    }

    /// Reads the job.
    pub(crate) async fn job(&self, id: &str) -> Value {
        self.read(&format!("/v1/jobs/{id}")).await
    }

    /// Reads a path, which must answer 200.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let answer = self.api.get(path).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Posts to a path without a body.
    pub(crate) async fn act(&self, path: &str) -> Answer {
        self.api.request("POST", path, &[], Vec::new()).await.unwrap()
    }

    /// Waits until the job has that state.
    pub(crate) async fn until(&self, id: &str, state: &str) -> Value {
        let found = eventually(SOON, async || {
            let job = self.job(id).await;
            (job["state"] == state).then_some(job)
        });
        match found.await {
            Some(job) => job,
            None => panic!("not {state} within a minute: {}", self.job(id).await),
        }
    }

    /// Waits until the job has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        let found = eventually(SOON, async || {
            let job = self.read(&format!("/v1/jobs/{id}?wait=30")).await;
            (!job["finished_at"].is_null()).then_some(job)
        });
        found.await.expect("the job ends within a minute")
    }

    /// Attempts of the job.
    pub(crate) async fn attempts(&self, id: &str) -> Vec<Value> {
        let body = self.read(&format!("/v1/jobs/{id}/attempts")).await;
        body["data"].as_array().unwrap().clone()
    }

    /// Evidence of one attempt.
    pub(crate) async fn evidence(&self, id: &str, attempt: u32) -> Value {
        self.read(&format!("/v1/jobs/{id}/attempts/{attempt}/evidence")).await
    }

    /// Creates an endpoint to a behaviour of the receiver.
    pub(crate) async fn endpoint(&self, name: &str, behaviour: &str, mut request: Value) -> Value {
        request["url"] = json!(self.url(behaviour));
        let answer = self.api.put(&format!("/v1/endpoints/{name}"), &request).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// Requests that the receiver got from this tenant.
    pub(crate) fn received(&self) -> Vec<Received> {
        let end = format!("/{}", self.name);
        let all = self.world.receiver.received();
        all.into_iter().filter(|request| request.path.ends_with(&end)).collect()
    }

    /// Number of the tenant's jobs.
    pub(crate) async fn count_jobs(&self) -> u64 {
        self.count_where("1").await
    }

    /// Number of the tenant's open jobs.
    pub(crate) async fn count_open(&self) -> u64 {
        self.count_where("finished_at IS NULL").await
    }

    /// Number of the tenant's succeeded jobs.
    pub(crate) async fn count_succeeded(&self) -> u64 {
        self.count_where("state = 'succeeded'").await
    }

    /// Number of the tenant's jobs with an attempt of unknown outcome.
    pub(crate) async fn count_unknown(&self) -> u64 {
        self.count_where("log LIKE '%outcome_unknown%'").await
    }

    /// Number of the tenant's jobs that match an SQL condition.
    pub(crate) async fn count_where(&self, condition: &str) -> u64 {
        let sql = format!("SELECT count(*) AS jobs FROM jobs WHERE tenant = ?1 AND {condition}");
        self.world.number(&sql, vec![json!(self.name)]).await
    }
}

/// Member `id` of a document.
pub(crate) fn id_of(document: &Value) -> String {
    document["id"].as_str().expect("it has an id").to_owned()
}

/// Body of a webhook job to an endpoint.
pub(crate) fn to_endpoint(name: &str) -> Value {
    json!({"kind": "webhook", "endpoint": name, "payload": {"body": {"n": 1}}})
}

/// Time this many milliseconds from now, as callers write it.
pub(crate) fn in_ms(ms: i64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    longshore::wire::time::rfc3339(i64::try_from(now).unwrap() + ms)
}
