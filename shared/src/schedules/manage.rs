//! Keeping schedules: put, read, list, delete, and run now.

use serde::Deserialize;
use serde_json::json;

use crate::accept::accepted::AcceptedJob;
use crate::limits::MINTS_MAX;
use crate::model::job::{JobRef, mint_id, mint_ulid};
use crate::model::origin::Origin;
use crate::ports::{Clock, Database, Statement};
use crate::schedules::fire::{Entry, Firer, fire};
use crate::schedules::schedule::{OccurrenceState, ScheduleRequest, ScheduleRow, Template, cron_in};
use crate::settings::Settings;
use crate::store::rows::{read_job, read_rows, unavailable};
use crate::store::{batch, first_as, json_param, sql};
use crate::wire::idempotency::INTERNAL_PREFIX;
use crate::wire::job_queue::JobQueue;
use crate::wire::problem::Problem;

#[derive(Deserialize)]
struct ScheduleState {
    now: i64,
    endpoint_known: u8,
    storage_full: u8,
    job_of_key: Option<String>,
    schedule: Option<ScheduleRow>,
}

fn read_statement(tenant: &str, id: &str, endpoint: &str, key: Option<String>) -> Statement {
    sql!("read_schedule", tenant, id, endpoint, key)
}

async fn stand<W: Database + Clock>(world: &W, statements: Vec<Statement>) -> Result<ScheduleState, Problem> {
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    first_as(answers.last()).map_err(|error| unavailable(&error))?.ok_or(Problem::Internal)
}

/// Makes or changes a schedule. Occurrences before now are none of a new expression's, nor of one that was paused; a change of
/// anything else leaves an occurrence that is due.
///
/// # Errors
/// A problem that names every wrong field; `Unavailable`.
pub async fn put_schedule<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    tenant: &str,
    id: &str,
    body: &[u8],
) -> Result<ScheduleRow, Problem> {
    let (request, mut job) = ScheduleRequest::check(world, settings, id, body)?;
    job.seal_secrets(world, settings, tenant)?;
    let endpoint = job.endpoint.clone();
    let standing = stand(world, vec![read_statement(tenant, id, &endpoint, None)]).await?;
    if standing.endpoint_known == 0 {
        return Err(Problem::unknown_endpoint(&endpoint));
    }
    let cron = cron_in(&request.cron, &request.time_zone, standing.now);
    let cron = cron.map_err(|field| Problem::InvalidRequest(vec![field]))?;
    let revision = mint_ulid(standing.now, world.random());
    let row = json!({
        "tenant": tenant, "id": id, "revision": revision, "cron": request.cron, "time_zone": request.time_zone,
        "overlap": request.overlap, "catch_up": request.catch_up, "paused": u8::from(request.paused),
        "last_occurrence": standing.now, "next_at": cron.next_after(standing.now).filter(|_| !request.paused),
        "endpoint": endpoint, "job": Template::from(job),
    });
    let statements = vec![sql!("put_schedule", json_param(&row)), read_statement(tenant, id, &endpoint, None)];
    let written = stand(world, statements).await?.schedule.filter(|row| row.revision == revision);
    written.ok_or_else(|| Problem::unknown_endpoint(&endpoint))
}

/// One schedule.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_schedule<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<ScheduleRow, Problem> {
    stand(world, vec![read_statement(tenant, id, "", None)]).await?.schedule.ok_or_else(|| not_found(id))
}

/// A page of a tenant's schedules by name; `whole` with payloads and all of the history.
///
/// # Errors
/// `Unavailable`.
pub async fn list_schedules<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
    limit: u32,
    whole: bool,
) -> Result<Vec<ScheduleRow>, Problem> {
    let statement = sql!("list_schedules", tenant, after, i64::from(limit), i64::from(whole));
    read_rows(world, statement).await
}

/// Deletes a schedule. Its jobs stay.
///
/// # Errors
/// `NotFound`, also for the second time; `Unavailable`.
pub async fn delete_schedule<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<(), Problem> {
    let answers = batch(world, &[sql!("delete_schedule", tenant, id)]).await.map_err(|error| unavailable(&error))?;
    if answers.first().is_none_or(Vec::is_empty) { Err(not_found(id)) } else { Ok(()) }
}

/// A job that somebody asked for now.
#[derive(Debug)]
pub struct RunNow {
    /// Which; the caller hints it unless it is a duplicate.
    pub job: JobRef,
    /// The queue of its hint.
    pub queue: JobQueue,
    /// The answer's body, as an accept answers it.
    pub body: AcceptedJob,
    /// Whether the key's job was there already.
    pub duplicate: bool,
}

/// Makes one job of a schedule now, whatever its clock says. A repeat with the same key, as long as that job is kept, answers
/// that job.
///
/// # Errors
/// `NotFound`; `StorageFull`; `InvalidRequest` when its endpoint is deleted.
pub async fn run_schedule<W: Database + Clock>(
    world: &W,
    tenant: &str,
    id: &str,
    key: Option<&str>,
    origin: &Origin,
) -> Result<RunNow, Problem> {
    let key = key.map(|key| format!("{INTERNAL_PREFIX}run {id} {key}"));
    let mut asked: Vec<String> = Vec::new();
    for _ in 0..MINTS_MAX {
        let standing = stand(world, vec![read_statement(tenant, id, "", key.clone())]).await?;
        if let Some(job) = standing.job_of_key {
            let duplicate = !asked.contains(&job);
            return run_answer(world, tenant, job, duplicate).await;
        }
        let row = standing.schedule.ok_or_else(|| not_found(id))?;
        if standing.storage_full == 1 {
            return Err(Problem::StorageFull);
        }
        let job = mint_id(standing.now, world.random());
        asked.push(job.clone());
        let entry = Entry::run_now(&job, key.clone(), origin.clone());
        let fired = fire(world, &[Firer::run_now(&row, standing.now, entry)]).await;
        if !fired.map_err(|error| unavailable(&error))?.is_empty() {
            return run_answer(world, tenant, job, false).await;
        }
        let newest = read_schedule(world, tenant, id).await?.history.into_iter().next();
        if newest.is_some_and(|newest| newest.state == OccurrenceState::Refused && newest.fired_at.0 >= standing.now) {
            let detail = "of the schedule was deleted; create it anew, or change the schedule";
            return Err(Problem::field("#/endpoint", "unknown-endpoint", detail));
        }
    }
    Err(Problem::Unavailable)
}

fn not_found(id: &str) -> Problem {
    Problem::not_found("Schedule", id)
}

async fn run_answer<W: Database + Clock>(
    world: &W,
    tenant: &str,
    id: String,
    duplicate: bool,
) -> Result<RunNow, Problem> {
    let job = JobRef { tenant: tenant.to_owned(), id };
    let row = read_job(world, &job).await?;
    Ok(RunNow { job, queue: JobQueue::of(&row.kind), body: AcceptedJob::queued(row), duplicate })
}
