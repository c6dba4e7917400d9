//! A team adopts Longshore: a schedule, tasks in a custom Worker, 10,000 jobs as lines, an index; at the end its tenant
//! is erased.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::library::Library;
use super::stage::{Stage, client};
use super::witnesses::count;
use super::{Failure, text};
use longshore_kit::client::{Client, eventually, expect};

/// Tenant of the team.
pub(super) const TENANT: &str = "team";
/// Time limit of the schedule's first occurrence: it is at most a minute away, and ticks run every few seconds.
const FIRES_WITHIN: Duration = Duration::from_secs(90);
/// Time limit of the erasure: none is done before 40 s, when older jobs can no longer be accepted.
const ERASED_WITHIN: Duration = Duration::from_mins(3);
/// Time limit of one task, which takes much less.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
/// Number of lines of the bulk request.
pub(super) const LINES: usize = 10_000;
/// Delay of the bulk request's jobs, about a year: the demo shows only that they are accepted.
const LATER_SECONDS: u32 = 31_000_000;
/// Group of the bulk request's jobs.
const GROUP: &str = "import";
/// Job type of one of the example Worker's tasks.
const COUNT: &str = "text.count";
const SAID: &str = "nothing that was acknowledged is lost";

/// Answer to one bulk request.
pub(super) struct Bulk {
    /// Number of result lines.
    pub(super) results: usize,
    /// Last line, with the summary.
    pub(super) last: Value,
    pub(super) took: Duration,
}

/// Answers of the API.
pub(super) struct Adoption {
    /// Ended task of the example Worker.
    pub(super) task: Value,
    /// Deferred task while it waited, and after its completion.
    pub(super) parked: Value,
    pub(super) completed: Value,
    pub(super) first: Bulk,
    pub(super) again: Bulk,
    /// Counters of the group.
    pub(super) group: Value,
    /// Number of lines of the group's export.
    pub(super) exported: usize,
    /// Last occurrence of the schedule, and its ended job.
    pub(super) occurrence: Value,
    pub(super) fired: Value,
    /// Result of the team's index.
    pub(super) library: Library,
    /// Receipt of the erasure, and the tenant's remaining rows and objects.
    pub(super) receipt: Value,
    pub(super) left: [usize; 2],
}

impl Adoption {
    /// Runs all steps.
    pub(super) async fn of(stage: &Stage) -> Result<Self, Failure> {
        let api = client(&stage.runner, TENANT, &["admin"]).await?;
        put(&api, "/v1/endpoints/tasks", &json!({"service": "HANDLER_EXAMPLE", "timeout_seconds": 60})).await?;
        let every_minute = json!({
            "cron": "* * * * *", "time_zone": "Europe/Berlin", "kind": COUNT, "endpoint": "tasks", "payload": {"text": SAID},
        });
        put(&api, "/v1/schedules/every-minute", &every_minute).await?;
        let task = ended(&api, &post(&api, &task(COUNT, &json!({"text": SAID}))).await?).await?;
        let (parked, completed) = defer(&api).await?;
        let lines = lines();
        let (first, again) = (bulk(&api, &lines).await?, bulk(&api, &lines).await?);
        let group = get(&api, &format!("/v1/groups/{GROUP}")).await?;
        let exported = export(&api).await?;
        let occurrence = fires(&api).await?;
        let fired = ended(&api, occurrence["job_id"].as_str().unwrap_or_default()).await?;
        let library = Library::of(&api).await?;
        let receipt = erase(stage).await?;
        let left = left(stage).await?;
        Ok(Self { task, parked, completed, first, again, group, exported, occurrence, fired, library, receipt, left })
    }
}

fn task(kind: &str, payload: &Value) -> Value {
    json!({"kind": kind, "endpoint": "tasks", "payload": payload})
}

async fn put(api: &Client, path: &str, body: &Value) -> Result<Value, Failure> {
    Ok(expect(200, &format!("PUT {path}"), api.put(path, body).await?)?)
}

async fn get(api: &Client, path: &str) -> Result<Value, Failure> {
    Ok(expect(200, &format!("GET {path}"), api.get(path).await?)?)
}

/// Enqueues one job and returns its id.
async fn post(api: &Client, job: &Value) -> Result<String, Failure> {
    let request = "POST /v1/jobs";
    text(request, &expect(202, request, api.post("/v1/jobs", job).await?)?, "/id")
}

/// Returns a job after its end, or its current state when that takes too long.
async fn ended(api: &Client, id: &str) -> Result<Value, Failure> {
    get(api, &format!("/v1/jobs/{id}?wait={}", ENDS_WITHIN.as_secs())).await
}

/// Runs a task that its handler defers and that is completed later, as by a slower system.
async fn defer(api: &Client) -> Result<(Value, Value), Failure> {
    let id = post(api, &task("report.build", &json!({"year": 2026}))).await?;
    let path = format!("/v1/jobs/{id}");
    let parked = eventually(ENDS_WITHIN, async || {
        let job = get(api, &path).await.ok()?;
        (!job["completion_due_at"].is_null()).then_some(job)
    });
    let parked = parked.await.unwrap_or_default();
    let request = format!("POST {path}/complete");
    let done = api.post(&format!("{path}/complete"), &json!({"result": {"pages": 12}, "attempt": 1})).await?;
    Ok((parked, expect(200, &request, done)?))
}

fn lines() -> String {
    let mut line = task(COUNT, &json!({"text": SAID}));
    (line["group"], line["delay_seconds"]) = (json!(GROUP), json!(LATER_SECONDS));
    format!("{line}\n").repeat(LINES)
}

async fn bulk(api: &Client, lines: &str) -> Result<Bulk, Failure> {
    let (path, began) = ("/v1/jobs/batch", Instant::now());
    let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", "import-2026-11")];
    let answer = api.request("POST", path, &headers, lines.as_bytes().to_vec()).await?;
    let took = began.elapsed();
    let mut results: Vec<Value> = answer.text.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
    expect(200, "POST /v1/jobs/batch", answer)?;
    let last = results.pop().unwrap_or_default();
    Ok(Bulk { results: results.len(), last, took })
}

/// Returns the number of lines in the export of the group's jobs.
async fn export(api: &Client) -> Result<usize, Failure> {
    let path = format!("/v1/jobs?group={GROUP}");
    let answer = api.request("GET", &path, &[("accept", "application/x-ndjson")], Vec::new()).await?;
    let lines = answer.text.lines().count();
    expect(200, &format!("GET {path}"), answer)?;
    Ok(lines)
}

/// Waits for the schedule's first occurrence and returns it.
async fn fires(api: &Client) -> Result<Value, Failure> {
    let path = "/v1/schedules/every-minute/occurrences";
    let fired = eventually(FIRES_WITHIN, async || {
        let page = get(api, path).await.ok()?;
        page["data"].as_array()?.last().cloned()
    });
    fired.await.ok_or_else(|| Failure::unreadable(format!("GET {path}"), "[]"))
}

/// Erases the tenant, as an admin of all tenants: the tenant's own keys are deleted by the request. Returns the
/// receipt.
async fn erase(stage: &Stage) -> Result<Value, Failure> {
    let all = client(&stage.runner, "*", &["admin"]).await?;
    let of_tenant = |path: &str| format!("{path}?tenant={TENANT}");
    let request = format!("DELETE /v1/tenants/{TENANT}");
    let begun = expect(202, &request, all.delete(&of_tenant(&format!("/v1/tenants/{TENANT}"))).await?)?;
    let path = of_tenant(&format!("/v1/erasures/{}", text(&request, &begun, "/id")?));
    let done = eventually(ERASED_WITHIN, async || {
        let receipt = get(&all, &path).await.ok()?;
        (receipt["state"] == "done").then_some(receipt)
    });
    Ok(done.await.unwrap_or(begun))
}

/// Counts the tenant's rows, except the receipt, and the objects with its records.
async fn left(stage: &Stage) -> Result<[usize; 2], Failure> {
    let (mut rows, mut objects) = (0, 0);
    for table in ["jobs", "groups", "endpoints", "schedules", "api_keys", "tenant_hours"] {
        let sql = format!("SELECT count(*) AS found FROM {table} WHERE tenant = ?1");
        rows += count(stage, &sql, vec![json!(TENANT)]).await?;
    }
    for table in ["indexes", "vectors"] {
        let sql = format!("SELECT count(*) AS found FROM {table} WHERE tenant = ?1");
        rows += usize::try_from(stage.runner.index_number(&sql, vec![json!(TENANT)]).await?).unwrap_or(usize::MAX);
    }
    for key in stage.runner.r2_keys().await? {
        let bytes = stage.runner.r2_get(&key).await?.unwrap_or_default();
        objects += usize::from(String::from_utf8_lossy(&bytes).contains(&format!("\"tenant\":\"{TENANT}\"")));
    }
    Ok([rows, objects])
}
