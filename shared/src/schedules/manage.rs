//! Operations on schedules: put, read, list, delete, and run now.

use serde::Deserialize;
use serde_json::json;

use crate::accept::accepted::AcceptedJob;
use crate::limits::MINTS_MAX;
use crate::model::job::{JobRef, mint_id, mint_ulid};
use crate::model::origin::Origin;
use crate::ports::{Clock, Database, Param, Statement};
use crate::routes::Operation;
use crate::schedules::fire::{Entry, Firer, fire};
use crate::schedules::schedule::{OccurrenceState, ScheduleRequest, ScheduleRow, Template, cron_in};
use crate::settings::Settings;
use crate::store::audit::{AuditNote, Operator, Target};
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

async fn read_state<W: Database + Clock>(world: &W, statements: Vec<Statement>) -> Result<ScheduleState, Problem> {
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    first_as(answers.last()).map_err(|error| unavailable(&error))?.ok_or(Problem::Internal)
}

/// Creates or changes a schedule. A new expression, a new time zone and a resumed schedule begin now; any other change
/// keeps an occurrence that is already due.
///
/// # Errors
/// A problem that names every wrong field; `Unavailable`.
pub async fn put_schedule<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    tenant: &str,
    id: &str,
    body: &[u8],
) -> Result<ScheduleRow, Problem> {
    let (request, mut job) = ScheduleRequest::check(world, settings, id, body)?;
    job.seal_secrets(world, settings, tenant)?;
    let endpoint = job.endpoint.clone();
    let state = read_state(world, vec![read_statement(tenant, id, &endpoint, None)]).await?;
    if state.endpoint_known == 0 {
        return Err(Problem::unknown_endpoint(&endpoint));
    }
    let cron = cron_in(&request.cron, &request.time_zone, state.now);
    let cron = cron.map_err(|field| Problem::InvalidRequest(vec![field]))?;
    let revision = mint_ulid(state.now, world.random());
    let row = json!({
        "tenant": tenant, "id": id, "revision": revision, "cron": request.cron, "time_zone": request.time_zone,
        "overlap": request.overlap, "catch_up": request.catch_up, "paused": u8::from(request.paused),
        "last_occurrence": state.now, "next_at": cron.next_after(state.now).filter(|_| !request.paused),
        "endpoint": endpoint, "job": Template::from(job),
    });
    let (row, action) = (json_param(&row), operator.does(Operation::PutSchedule, tenant, Target::Schedule, id));
    let statements =
        vec![noting(&action, row.clone()), sql!("put_schedule", row), read_statement(tenant, id, &endpoint, None)];
    let written = read_state(world, statements).await?.schedule.filter(|row| row.revision == revision);
    written.ok_or_else(|| Problem::unknown_endpoint(&endpoint))
}

/// Builds the statement that records a change of a schedule; `schedule` is NULL if it is deleted.
fn noting(action: &AuditNote, schedule: Param) -> Statement {
    sql!("note_schedule", action.param(), schedule)
}

/// Reads one schedule.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_schedule<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<ScheduleRow, Problem> {
    read_state(world, vec![read_statement(tenant, id, "", None)]).await?.schedule.ok_or_else(|| not_found(id))
}

/// Lists a page of a tenant's schedules by name. `whole` includes payloads and the full history.
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

/// Deletes a schedule. Its jobs are kept.
///
/// # Errors
/// `NotFound`, also when the schedule was deleted before; `Unavailable`.
pub async fn delete_schedule<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    id: &str,
) -> Result<(), Problem> {
    let action = operator.does(Operation::DeleteSchedule, tenant, Target::Schedule, id);
    let statements = [noting(&action, Param::Null), sql!("delete_schedule", tenant, id)];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    if answers.last().is_none_or(Vec::is_empty) { Err(not_found(id)) } else { Ok(()) }
}

/// A job of a schedule that a request created outside the schedule's occurrences.
#[derive(Debug)]
pub struct RunNow {
    /// The job. The caller sends its hint, unless it is a duplicate.
    pub job: JobRef,
    /// Queue of its hint.
    pub queue: JobQueue,
    /// Body of the response, the same as for an accepted job.
    pub body: AcceptedJob,
    /// True if the idempotency key belongs to an existing job, which `job` is.
    pub duplicate: bool,
}

/// Creates one job of a schedule now, regardless of its occurrences. A repeat with the same key returns the same job
/// while that job is kept.
///
/// # Errors
/// `NotFound`; `StorageFull`; `InvalidRequest` when the endpoint of the schedule is deleted; `Unavailable`.
pub async fn run_schedule<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    id: &str,
    key: Option<&str>,
    origin: &Origin,
) -> Result<RunNow, Problem> {
    let key = key.map(|key| format!("{INTERNAL_PREFIX}run {id} {key}"));
    let mut asked: Vec<String> = Vec::new();
    for _ in 0..MINTS_MAX {
        let state = read_state(world, vec![read_statement(tenant, id, "", key.clone())]).await?;
        if let Some(job) = state.job_of_key {
            let duplicate = !asked.contains(&job);
            return run_answer(world, tenant, job, duplicate).await;
        }
        let row = state.schedule.ok_or_else(|| not_found(id))?;
        if state.storage_full == 1 {
            return Err(Problem::StorageFull);
        }
        let job = mint_id(state.now, world.random());
        asked.push(job.clone());
        let entry = Entry::run_now(&job, key.clone(), origin.clone());
        let action = operator.does(Operation::RunSchedule, tenant, Target::Schedule, id).after(json!({"job": job}));
        let fired = fire(world, &[Firer::run_now(&row, state.now, entry)], Some(&action)).await;
        if !fired.map_err(|error| unavailable(&error))?.is_empty() {
            return run_answer(world, tenant, job, false).await;
        }
        let newest = read_schedule(world, tenant, id).await?.history.into_iter().next();
        if newest.is_some_and(|newest| newest.state == OccurrenceState::Refused && newest.fired_at.0 >= state.now) {
            let detail = "of the schedule was deleted; create it again, or change the schedule";
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
