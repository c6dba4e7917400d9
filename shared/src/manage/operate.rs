//! Operator actions on jobs: cancel, retry now, replay, discard, pause and resume.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::accept::request::{check_length, split};
use crate::kinds;
use crate::kinds::checked::Split;
use crate::limits::MINTS_MAX;
use crate::manage::health::read_health;
use crate::manage::successor::{Changes, Successor, copy_object, inserting, replaying, time_to_mint};
use crate::model::job::{JobRef, JobRow, none_if_empty};
use crate::model::state::{DeadLetterState, State};
use crate::ports::{Blobs, Clock, Database, DatabaseError, Param, Statement};
use crate::routes::Operation as Op;
use crate::security::seal::nonce;
use crate::settings::Settings;
use crate::store::audit::{ALL_TENANTS, AuditNote, Operator, Target};
use crate::store::counted::{batch_counting, batch_counting_ends};
use crate::store::meta::setting_meta;
use crate::store::rows::{read_job, unavailable};
use crate::store::{batch, json_param, sql};
use crate::wire::canonical::canonical;
use crate::wire::idempotency::digest_of_form;
use crate::wire::problem::Problem;
use crate::wire::values::read_word;

#[cfg(feature = "openapi")]
use crate::limits::NOTE_CHARS_MAX;

/// Options of a replay.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// New payload of the same kind for the same endpoint. Default is the dead job's payload.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::schema::Json"))]
    #[serde(default)]
    pub payload: Option<Box<RawValue>>,
}

/// Options of a discard.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Discard {
    /// Note for people, without control characters.
    #[cfg_attr(feature = "openapi", schemars(length(max = NOTE_CHARS_MAX)))]
    pub note: Option<String>,
}

/// Ends a waiting job, or prevents further attempts of a running one. Returns the job afterwards.
///
/// # Errors
/// `NotFound`; `IllegalTransition` if the job has ended.
pub async fn cancel<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    job: &JobRef,
) -> Result<JobRow, Problem> {
    let action = operator.does_to_job(Op::CancelJob, Target::Job, job);
    let cancelling = cancelling(&job.tenant, alone(job), Param::Null, settings);
    let statements = vec![sql!("note_cancel", action.param()), cancelling];
    let jobs = std::slice::from_ref(job);
    batch_counting_ends(world, &settings.plan, jobs, statements).await.map_err(|error| unavailable(&error))?;
    let row = read_job(world, job).await?;
    if row.state == State::Cancelled || row.cancel_requested == 1 {
        return Ok(row);
    }
    Err(illegal("Only a job that has not ended can be cancelled", row.state))
}

/// Makes a waiting job due now. The caller sends its hint.
///
/// # Errors
/// `NotFound`; `IllegalTransition` unless the job is scheduled, queued or retrying.
pub async fn retry_now<W: Database + Clock>(world: &W, operator: &Operator, job: &JobRef) -> Result<JobRow, Problem> {
    let action = operator.does_to_job(Op::RetryJob, Target::Job, job);
    let statements = [sql!("note_retry", action.param()), retrying(&job.tenant, alone(job), Param::Null)];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let row = read_job(world, job).await?;
    if answers.last().is_none_or(Vec::is_empty) {
        return Err(illegal("Only a job that is `scheduled`, `queued` or `retrying` can be retried", row.state));
    }
    Ok(row)
}

/// Sends a dead letter again, once, as a new job with the same event id. Returns the new job; the caller sends its
/// hint.
///
/// Safe to repeat: the dead letter names its successor, and only the named successor is inserted.
///
/// # Errors
/// `NotFound`; `IllegalTransition` if it is not an open dead letter; `InvalidRequest` for a bad edited payload.
pub async fn replay<W: Database + Blobs + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    job: &JobRef,
    edited: Option<&RawValue>,
) -> Result<JobRow, Problem> {
    let dead = dead_letter(world, job).await?;
    let edited = edited.map(|payload| edit(world, settings, &dead, payload)).transpose()?;
    let is_edited = edited.is_some();
    let action = operator.does_to_job(Op::ReplayDeadLetter, Target::DeadLetter, job).before(json!({"state": "open"}));
    let changes = match edited {
        Some((split, digest)) => {
            let object = split.object.map(String::into_bytes);
            Changes { object, edited: Some((split.inline, digest)), ..Changes::default() }
        }
        None => Changes { object: copy_object(world, &dead, object_gone).await?, ..Changes::default() },
    };
    let mut now = world.now_ms();
    for _ in 0..MINTS_MAX {
        let (tenant, successors) = (job.tenant.as_str(), [Successor::mint(world, job, now, &changes).await?]);
        let [new] = successors.each_ref().map(Successor::job);
        let replaying = replaying(tenant, &successors, now, Param::Null);
        let after = json!({"state": "replayed", "replayed_by": new.id, "payload_edited": is_edited});
        let noting = action.clone().after(after).if_changed();
        let statements = [replaying, noting].into_iter().chain(inserting(tenant, &successors, now, None)).collect();
        let [created, ended] = [&new, job].map(std::slice::from_ref);
        batch_counting(world, &settings.plan, created, ended, statements).await.map_err(|error| unavailable(&error))?;
        let dead = read_job(world, job).await?;
        match (dead.dead_state, &dead.replayed_by) {
            (_, Some(id)) if *id == new.id => return read_job(world, &new).await,
            // Refused: the database is full, or the Worker's clock is off.
            (Some(DeadLetterState::Open), _) => now = time_to_mint(world, settings).await?,
            _ => return Err(not_open(&dead)),
        }
    }
    Err(Problem::Unavailable)
}

/// Builds the statement that cancels jobs, `[{"id"}, ...]`, as a step of an action if there is one.
pub(crate) fn cancelling(tenant: &str, jobs: Param, step: Param, settings: &Settings) -> Statement {
    sql!("cancel", tenant, jobs, step, settings.plan.retention_succeeded_ms)
}

/// Builds the statement that makes jobs due, `[{"tenant","id","run_after"}, ...]`, as a step of an action if there is one.
pub(crate) fn retrying(tenant: &str, jobs: Param, step: Param) -> Statement {
    sql!("retry_now", tenant, jobs, step)
}

/// Builds the statement that discards dead letters, `[{"id"}, ...]`, as a step of an action if there is one.
pub(crate) fn discarding(tenant: &str, jobs: Param, step: Param, note: Option<String>) -> Statement {
    sql!("discard", tenant, jobs, step, note)
}

/// Builds the list of one job, as the statements that also handle many get it.
fn alone(job: &JobRef) -> Param {
    json_param(&[json!({"tenant": job.tenant, "id": job.id})])
}

fn object_gone() -> Problem {
    Problem::IllegalTransition("The payload was deleted from R2; replay it with a `payload`".into())
}

fn edit<C: Clock>(
    clock: &C,
    settings: &Settings,
    dead: &JobRow,
    payload: &RawValue,
) -> Result<(Split, String), Problem> {
    check_length(payload, &settings.plan)?;
    let endpoint = none_if_empty(&dead.endpoint);
    let checked = kinds::check(&dead.kind, payload, endpoint, settings)?;
    if !checked.refused_if_new.is_empty() {
        return Err(Problem::InvalidRequest(checked.refused_if_new));
    }
    let form = canonical(payload.get().as_bytes(), |_, _, _| false);
    let digest = digest_of_form(&[dead.kind.as_bytes(), &form]);
    let mut split = split(&dead.kind, checked.stored, payload, &settings.plan)?;
    if !checked.is_plain {
        let stored = split.inline.as_deref().ok_or(Problem::Internal)?;
        let sealed = kinds::seal_secrets(&dead.kind, stored, settings, &dead.tenant, &mut || nonce(clock));
        split.inline = Some(sealed.ok_or(Problem::Internal)?);
    }
    Ok((split, digest))
}

/// Closes a dead letter without a replay and releases its idempotency key.
///
/// # Errors
/// `NotFound`; `IllegalTransition` if it is not an open dead letter.
pub async fn discard<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    job: &JobRef,
    note: Option<String>,
) -> Result<JobRow, Problem> {
    // Without the note, which may be about a person: erasing their jobs erases it.
    let action = operator.does_to_job(Op::DiscardDeadLetter, Target::DeadLetter, job);
    let action = action.before(json!({"state": "open"})).after(json!({"state": "discarded"}));
    discard_with(world, job, note, Some(action)).await
}

/// Discards a dead letter and records the action, if there is one.
pub(crate) async fn discard_with<W: Database + Clock>(
    world: &W,
    job: &JobRef,
    note: Option<String>,
    action: Option<AuditNote>,
) -> Result<JobRow, Problem> {
    dead_letter(world, job).await?;
    let discarding = discarding(&job.tenant, alone(job), Param::Null, note);
    let statements: Vec<Statement> =
        [Some(discarding), action.map(|action| action.if_changed())].into_iter().flatten().collect();
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let row = read_job(world, job).await?;
    if answers.first().is_none_or(Vec::is_empty) && row.dead_state != Some(DeadLetterState::Discarded) {
        return Err(not_open(&row));
    }
    Ok(row)
}

/// Reads a dead letter: the row of its job.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_dead_letter<W: Database + Clock>(world: &W, job: &JobRef) -> Result<JobRow, Problem> {
    match read_job(world, job).await {
        Ok(row) if row.dead_state.is_some() => Ok(row),
        Ok(_) | Err(Problem::NotFound(_)) => Err(Problem::not_found("Dead letter", &job.id)),
        Err(problem) => Err(problem),
    }
}

/// Reads an open dead letter, or returns the problem that there is none.
async fn dead_letter<W: Database + Clock>(world: &W, job: &JobRef) -> Result<JobRow, Problem> {
    let row = read_dead_letter(world, job).await?;
    if row.dead_state == Some(DeadLetterState::Open) { Ok(row) } else { Err(not_open(&row)) }
}

fn not_open(row: &JobRow) -> Problem {
    Problem::IllegalTransition(match &row.replayed_by {
        Some(successor) => format!("The dead letter was replayed already, as the job `{successor}`"),
        None => "The dead letter was discarded; only an open one can be replayed or discarded".to_owned(),
    })
}

fn illegal(what: &str, state: State) -> Problem {
    Problem::IllegalTransition(format!("{what}; this one is `{}`", state.name()))
}

/// Pause state of the whole pipeline.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Paused {
    pub(crate) paused: bool,
}

/// Pauses or resumes everything. While it is paused, claims hold jobs; afterwards the sweep releases them.
///
/// # Errors
/// `Unavailable` when the database does not answer.
pub async fn set_paused<W: Database + Clock>(world: &W, operator: &Operator, paused: bool) -> Result<Paused, Problem> {
    let operation = if paused { Op::Pause } else { Op::Resume };
    let action = deployment(operator, operation).before(json!({"paused": !paused})).after(json!({"paused": paused}));
    let number = i64::from(paused);
    let statements = [sql!("note_pause", action.param(), number), setting_meta("paused", number)];
    batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    Ok(Paused { paused })
}

fn deployment(operator: &Operator, operation: Op) -> AuditNote {
    operator.does(operation, ALL_TENANTS, Target::Deployment, ALL_TENANTS)
}

/// Handling of open jobs in a restored database. Their state is from the time of the backup; they may have been sent
/// since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum RestoredJobs {
    /// Runs them. Requests that were sent after the backup are sent again.
    Resend,
    /// Pauses the pipeline: jobs are held until it is resumed, and can be read and cancelled before.
    Hold,
}

/// Confirmation that the database was restored.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RestoredRequest {
    /// Handling of its open jobs.
    #[serde(deserialize_with = "read_word")]
    pub jobs: RestoredJobs,
}

/// A restored database.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Restored {
    /// Epoch of the deployment, now also of the database.
    pub epoch: i64,
    /// True if its jobs are held.
    pub paused: bool,
}

/// Gives a restored database the epoch of the deployment. Leases of the time before the restore end by themselves, and
/// their attempts become `outcome_unknown`.
///
/// Safe to repeat: a database of this epoch is not changed.
///
/// # Errors
/// `IllegalTransition` if the database has a later epoch; `Unavailable`.
pub async fn restored<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    request: &RestoredRequest,
) -> Result<Restored, Problem> {
    let health = read_health(world, settings).await?;
    if health.epoch > settings.epoch {
        let (store, own) = (health.epoch, settings.epoch);
        let detail =
            format!("The store has the epoch {store}, above the deployment's {own}; deploy with a higher `EPOCH`");
        return Err(Problem::IllegalTransition(detail));
    }
    if health.epoch == settings.epoch {
        return Ok(Restored { epoch: settings.epoch, paused: health.paused == 1 });
    }
    let holds = request.jobs == RestoredJobs::Hold;
    let paused = holds || health.paused == 1;
    let action = deployment(operator, Op::Restored)
        .before(json!({"epoch": health.epoch, "paused": health.paused == 1}))
        .after(json!({"epoch": settings.epoch, "paused": paused}));
    let statements =
        [setting_meta("paused", i64::from(paused)), setting_meta("epoch", settings.epoch), action.if_changed()];
    batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    Ok(Restored { epoch: settings.epoch, paused })
}

/// Makes jobs due for the sweep that a platform message named, and returns their number.
///
/// # Errors
/// The error of the database.
pub async fn wake<W: Database + Clock>(world: &W, jobs: &[JobRef]) -> Result<usize, DatabaseError> {
    let answers = batch(world, &[sql!("wake", json_param(&jobs))]).await?;
    Ok(answers.first().map_or(0, Vec::len))
}
