//! A team moves in: a schedule, tasks of its own Worker, ten thousand jobs as lines, and at last nothing of it is left.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::library::Library;
use super::stage::{Stage, client};
use super::witnesses::count;
use super::{Failure, text};
use longshore_kit::client::{Client, eventually, expect};

/// Whose things they are.
pub(super) const TENANT: &str = "team";
/// The next occurrence of the schedule is a minute away at most, and its tick comes each few seconds.
const FIRES_WITHIN: Duration = Duration::from_secs(90);
/// No erasure is done before 40 s, when nothing older than it can be accepted any more.
const ERASED_WITHIN: Duration = Duration::from_mins(3);
/// Long beside one task.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
/// Lines of the bulk request.
pub(super) const LINES: usize = 10_000;
/// The bulk request's jobs wait for a year: its show is the intake.
const LATER_SECONDS: u32 = 31_000_000;
/// The label that counts them.
const GROUP: &str = "import";
/// One of the example Worker's tasks.
const COUNT: &str = "text.count";
const SAID: &str = "nothing that was acknowledged is lost";

/// One bulk request.
pub(super) struct Bulk {
    /// Lines of the answer, but for the last.
    pub(super) results: usize,
    /// The last one.
    pub(super) last: Value,
    pub(super) took: Duration,
}

/// What the API showed.
pub(super) struct Adoption {
    /// The task of the example Worker when it had ended.
    pub(super) task: Value,
    /// The deferred one while it was out, and when it was completed.
    pub(super) parked: Value,
    pub(super) completed: Value,
    pub(super) first: Bulk,
    pub(super) again: Bulk,
    /// The counters of its jobs.
    pub(super) group: Value,
    /// Lines of their export.
    pub(super) exported: usize,
    /// The last occurrence of the schedule, and its job when it had ended.
    pub(super) occurrence: Value,
    pub(super) fired: Value,
    /// What its library found.
    pub(super) library: Library,
    /// The receipt of the erasure, and what is left of the tenant in rows and in objects.
    pub(super) receipt: Value,
    pub(super) left: [usize; 2],
}

impl Adoption {
    /// Does all of it.
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

/// Enqueues one job; answers its id.
async fn post(api: &Client, job: &Value) -> Result<String, Failure> {
    let asked = "POST /v1/jobs";
    text(asked, &expect(202, asked, api.post("/v1/jobs", job).await?)?, "/id")
}

/// The job when it has ended, or as it is when that takes too long.
async fn ended(api: &Client, id: &str) -> Result<Value, Failure> {
    get(api, &format!("/v1/jobs/{id}?wait={}", ENDS_WITHIN.as_secs())).await
}

/// A task that is taken over and completed later, as something slower would.
async fn defer(api: &Client) -> Result<(Value, Value), Failure> {
    let id = post(api, &task("report.build", &json!({"year": 2026}))).await?;
    let path = format!("/v1/jobs/{id}");
    let parked = eventually(ENDS_WITHIN, async || {
        let job = get(api, &path).await.ok()?;
        (!job["completion_due_at"].is_null()).then_some(job)
    });
    let parked = parked.await.unwrap_or_default();
    let asked = format!("POST {path}/complete");
    let done = api.post(&format!("{path}/complete"), &json!({"result": {"pages": 12}, "attempt": 1})).await?;
    Ok((parked, expect(200, &asked, done)?))
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

/// How many lines the export of the group's jobs has.
async fn export(api: &Client) -> Result<usize, Failure> {
    let path = format!("/v1/jobs?group={GROUP}");
    let answer = api.request("GET", &path, &[("accept", "application/x-ndjson")], Vec::new()).await?;
    let lines = answer.text.lines().count();
    expect(200, &format!("GET {path}"), answer)?;
    Ok(lines)
}

/// Waits for the schedule's first occurrence; answers its occurrence.
async fn fires(api: &Client) -> Result<Value, Failure> {
    let path = "/v1/schedules/every-minute/occurrences";
    let fired = eventually(FIRES_WITHIN, async || {
        let page = get(api, path).await.ok()?;
        page["data"].as_array()?.last().cloned()
    });
    fired.await.ok_or_else(|| Failure::unreadable(format!("GET {path}"), "[]"))
}

/// Erases the tenant, as an admin of all tenants: its own keys leave with the request. Answers the receipt.
async fn erase(stage: &Stage) -> Result<Value, Failure> {
    let all = client(&stage.runner, "*", &["admin"]).await?;
    let of_tenant = |path: &str| format!("{path}?tenant={TENANT}");
    let asked = format!("DELETE /v1/tenants/{TENANT}");
    let begun = expect(202, &asked, all.delete(&of_tenant(&format!("/v1/tenants/{TENANT}"))).await?)?;
    let path = of_tenant(&format!("/v1/erasures/{}", text(&asked, &begun, "/id")?));
    let done = eventually(ERASED_WITHIN, async || {
        let receipt = get(&all, &path).await.ok()?;
        (receipt["state"] == "done").then_some(receipt)
    });
    Ok(done.await.unwrap_or(begun))
}

/// Rows of the tenant, but for the receipt, and objects with records of it.
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
