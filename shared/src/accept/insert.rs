//! The accept: makes jobs durable, once per idempotency key, in one round trip to the database; two if a payload is
//! large.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::accept::accepted::{Accepted, AcceptedJob, AcceptedState};
use crate::accept::authorize::{Caller, authorize, authorize_statement, judge_caller, note_use};
use crate::accept::request::{NewJob, in_order};
use crate::limits::{ACCEPT_PARAMETER_BYTES, ID_SKEW_MS_MAX, MINTS_MAX, REQUESTS_AT_ONCE};
use crate::model::hint::{Hint, delay_seconds};
use crate::model::job::{JobRef, mint_id};
use crate::ports::{Blobs, Clock, Database, Param, Rows, Statement};
use crate::security::key::Scope;
use crate::settings::Settings;
use crate::store::audit::AuditNote;
use crate::store::counted::batch_counting_accepted;
use crate::store::objects::put;
use crate::store::rows::unavailable;
use crate::store::{batch, json_param, json_params, rows_as, sql};
use crate::wire::idempotency::may_be_the_same;
use crate::wire::job_queue::JobQueue;
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// Seals the secrets in jobs for their tenant. If the request names no tenant, the key's row is read first: one more
/// round trip, only for requests with secret headers.
///
/// # Errors
/// As [`authorize`]; `InvalidHeader` when a `*` key names no tenant.
pub async fn seal_secrets<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    caller: &Caller,
    jobs: &mut [NewJob],
) -> Result<(), Problem> {
    if !jobs.iter().any(|job| job.is_unsealed) {
        return Ok(());
    }
    // The accept rejects a tenant that the key does not belong to, and stores nothing then.
    let tenant = match &caller.tenant {
        Some(tenant) => tenant.clone(),
        None => authorize(world, caller, Scope::JobsWrite).await?.tenant.ok_or_else(Problem::names_no_tenant)?,
    };
    jobs.iter_mut().try_for_each(|job| job.seal_secrets(world, settings, &tenant))
}

/// Makes jobs durable in one batch: it checks the key, inserts, and reads the result back. A second batch follows if the
/// first one could not insert all of them ([`Steps`]). Before the batch, the objects of large payloads are stored, except
/// for jobs that exist already. A job with `refused_if_new` is not inserted; it only finds an existing job by its key.
///
/// Safe to repeat: the ids stay the same, and existing jobs are not inserted again.
///
/// # Errors
/// A problem for the whole request, for example when the deployment accepts no new jobs and none of these exists
/// already. Otherwise the result has one entry per job, in order.
pub async fn accept<W: Database + Blobs + Clock>(
    world: &W,
    caller: &Caller,
    jobs: Vec<NewJob>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    accept_for(world, Submitter { caller, scope: Scope::JobsWrite, action: None }, jobs).await
}

/// The caller that submits jobs, and the scope that its key needs.
#[derive(Debug, Clone, Copy)]
pub struct Submitter<'a> {
    /// The caller.
    pub caller: &'a Caller,
    /// The required scope.
    pub scope: Scope,
    /// Entry of an operator who submits one job. It is recorded if the job is inserted.
    pub action: Option<&'a AuditNote>,
}

/// Accepts jobs like [`accept`], with another scope than `jobs:write`.
///
/// # Errors
/// As [`accept`].
pub async fn accept_for<W: Database + Blobs + Clock>(
    world: &W,
    submitter: Submitter<'_>,
    jobs: Vec<NewJob>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    if jobs.iter().any(|job| job.is_unsealed) {
        tracing::error!("job_secrets_unsealed");
        return Err(Problem::Internal);
    }
    let has_large = jobs.iter().any(|job| job.object.is_some());
    let (tenant, answers, unknown) = if has_large {
        answer_known(world, submitter, jobs).await?
    } else {
        (String::new(), jobs.iter().map(|_| None).collect(), jobs)
    };
    // Runs also without any job, because it checks the key.
    let is_answered = has_large && unknown.is_empty();
    let inserted = if is_answered { Vec::new() } else { insert(world, submitter, &tenant, unknown).await? };
    let mut inserted = inserted.into_iter();
    let answers: Vec<_> =
        answers.into_iter().map(|known| known.or_else(|| inserted.next()).unwrap_or(Err(Problem::Internal))).collect();
    let closed = answers.iter().find_map(|answer| answer.as_ref().err().filter(|problem| is_of_the_store(problem)));
    match closed {
        Some(closed) if answers.iter().all(Result::is_err) => Err(closed.clone()),
        _ => Ok(answers),
    }
}

/// True if the problem applies to all new jobs.
fn is_of_the_store(problem: &Problem) -> bool {
    matches!(problem, Problem::StorageFull | Problem::QuotaReached)
}

type JobOutcomes = Vec<Option<Result<Accepted, Problem>>>;

/// Finds large jobs that exist already or that cannot be accepted, so that no object is stored for them, nor for a
/// caller without permission. Returns the tenant, the known results, and the jobs left to insert.
///
/// A job found here is not looked up again: if its key expired in between, its row would be inserted without its
/// object.
async fn answer_known<W: Database + Clock>(
    world: &W,
    submitter: Submitter<'_>,
    jobs: Vec<NewJob>,
) -> Result<(String, JobOutcomes, Vec<NewJob>), Problem> {
    let large: Vec<&NewJob> = jobs.iter().filter(|job| job.object.is_some()).collect();
    let InsertResult { tenant, now, refusal, outcomes } = run_statements(world, submitter, &large, Steps::Read).await?;
    let mut outcomes = outcomes.into_iter();
    let (mut answers, mut unknown) = (Vec::new(), Vec::new());
    for job in jobs {
        let outcome = if job.object.is_some() { outcomes.next() } else { None };
        match (outcome, &refusal) {
            (Some(outcome), _) if !is_missing(&outcome) => {
                answers.push(Some(judge_outcome(&job, outcome, now)));
            }
            (Some(_), Some(refusal)) => answers.push(Some(Err(refusal.clone()))),
            _ => {
                unknown.push(job);
                answers.push(None);
            }
        }
    }
    // Ids are renewed before an object is stored under them. Jobs without an object are renewed too, which keeps the
    // order.
    if unknown.iter().any(|job| (job.created_at - now).abs() > ID_SKEW_MS_MAX) {
        mint_again(world, unknown.iter_mut().filter(|job| job.refused_if_new.is_none()), now);
    }
    Ok((tenant, answers, unknown))
}

async fn insert<W: Database + Blobs + Clock>(
    world: &W,
    submitter: Submitter<'_>,
    tenant: &str,
    mut jobs: Vec<NewJob>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    let mut objects = BTreeSet::new();
    for _ in 0..MINTS_MAX {
        // Objects are stored before their rows. Objects of refused jobs are not deleted here: a batch that seemed lost
        // may still commit. The sweep deletes objects without a row.
        put_all(world, tenant, &jobs, &mut objects).await?;
        let of_jobs: Vec<_> = jobs.iter().collect();
        let usual = run_statements(world, submitter, &of_jobs, Steps::Usual).await?;
        let needs_all = usual.outcomes.iter().any(|outcome| is_missing(outcome) || outcome.key_ended != 0);
        let InsertResult { now, refusal, outcomes, .. } =
            if needs_all { run_statements(world, submitter, &of_jobs, Steps::All).await? } else { usual };
        let some_missing = outcomes.iter().any(is_missing);
        if refusal.is_some() || !some_missing {
            let judge = |(job, outcome): (&NewJob, AcceptedRow)| match &refusal {
                Some(refusal) if is_missing(&outcome) => Err(refusal.clone()),
                _ => judge_outcome(job, outcome, now),
            };
            return Ok(jobs.iter().zip(outcomes).map(judge).collect());
        }
        // The Worker's clock is more than 20 s off: use the database's clock.
        tracing::warn!(ours = world.now_ms(), database = now, "clock_skew_ids_renewed");
        // Only the refused jobs: a new id for an inserted job would insert it twice.
        let missing = jobs.iter_mut().zip(&outcomes).filter(|(_, outcome)| is_missing(outcome));
        mint_again(world, missing.map(|(job, _)| job), now);
    }
    Err(Problem::Unavailable)
}

/// True if a valid job was not inserted: the time in its id is too far from the database's clock, or the deployment
/// accepts no new jobs.
fn is_missing(outcome: &AcceptedRow) -> bool {
    outcome.id.is_none() && outcome.endpoint_known != 0 && outcome.refused == 0
}

fn mint_again<'a, C: Clock>(clock: &C, jobs: impl Iterator<Item = &'a mut NewJob>, now: i64) {
    let mut jobs: Vec<_> = jobs.collect();
    for job in &mut jobs {
        (job.id, job.created_at) = (mint_id(now, clock.random()), now);
    }
    in_order(jobs);
}

/// Result of the accept's statements.
struct InsertResult {
    tenant: String,
    now: i64,
    /// Reason why no new jobs are accepted now.
    refusal: Option<Problem>,
    outcomes: Vec<AcceptedRow>,
}

/// Statements of an accept, each kind in one batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Steps {
    /// Reads which jobs exist already.
    Read,
    /// Inserts the jobs of a caller without a quota, in an hour that is noted already: three statements, which are nearly
    /// always enough.
    Usual,
    /// Releases ended idempotency keys, inserts, counts quotas, and notes the hour.
    All,
}

/// Runs statements of the accept, the last of which reads the outcome of each job.
async fn run_statements<W: Database + Clock>(
    world: &W,
    Submitter { caller, scope, action }: Submitter<'_>,
    jobs: &[&NewJob],
    steps: Steps,
) -> Result<InsertResult, Problem> {
    let caller_param = caller_param(caller, scope);
    let statements = statements(caller, &caller_param, jobs, steps, action);
    let answers = if steps == Steps::Read {
        batch(world, &statements).await
    } else {
        let ids = |jobs: &mut dyn Iterator<Item = &&NewJob>| jobs.map(|job| json!({"id": job.id})).collect::<Vec<_>>();
        let grouped = ids(&mut jobs.iter().filter(|job| job.group.is_some()));
        let counted = (steps == Steps::All).then(|| ids(&mut jobs.iter()));
        batch_counting_accepted(world, counted.as_deref(), &grouped, &caller_param, statements).await
    };
    let answers = answers.map_err(|error| unavailable(&error))?;
    let (authorized, row) = judge_caller(caller, scope, answers.first())?;
    let tenant = authorized.tenant.ok_or_else(Problem::names_no_tenant)?;
    note_use(world, caller, &row).await;
    let outcomes = read_outcomes(jobs.len(), &answers)?;
    Ok(InsertResult { tenant, now: row.now, refusal: row.refusal(), outcomes })
}

/// Builds the parameter that describes the caller.
fn caller_param(caller: &Caller, scope: Scope) -> Param {
    json_param(&json!({
        "key": caller.token.id, "hash": caller.token.hash(), "scope": scope.name(), "tenant": caller.tenant,
        "epoch": caller.epoch, "traceparent": caller.origin.traceparent, "tracestate": caller.origin.tracestate, "hops": caller.origin.hops,
    }))
}

/// The parts of a new job by which its row is found: a fifth of its bytes, and three statements need no more.
#[derive(Serialize)]
struct JobLookup<'a> {
    index: usize,
    id: &'a str,
    created_at: i64,
    kind: &'a str,
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_if_new: Option<u8>,
}

impl<'a> JobLookup<'a> {
    fn of(job: &'a NewJob) -> JobLookup<'a> {
        JobLookup {
            index: job.index,
            id: &job.id,
            created_at: job.created_at,
            kind: &job.kind,
            endpoint: &job.endpoint,
            idempotency_key: job.idempotency_key.as_deref(),
            refused_if_new: job.refused_if_new.as_ref().map(|_| 1),
        }
    }
}

fn statements(
    caller: &Caller,
    caller_param: &Param,
    jobs: &[&NewJob],
    steps: Steps,
    action: Option<&AuditNote>,
) -> Vec<Statement> {
    let lookups = json_param(&jobs.iter().map(|job| JobLookup::of(job)).collect::<Vec<_>>());
    let mut statements = vec![authorize_statement(caller)];
    if steps != Steps::Usual {
        statements.push(sql!("free_keys", lookups.clone(), caller_param.clone()));
    }
    if steps != Steps::Read {
        let is_usual = i64::from(steps == Steps::Usual);
        let parts = json_params(jobs, ACCEPT_PARAMETER_BYTES).into_iter();
        statements.extend(parts.map(|jobs| sql!("accept", jobs, caller_param.clone(), ID_SKEW_MS_MAX, is_usual)));
        statements.extend(action.zip(jobs.first()).map(|(action, job)| action.with_job(&job.id).if_changed()));
    }
    if steps == Steps::All {
        statements.push(sql!("note_hour", lookups.clone(), caller_param.clone()));
    }
    statements.push(sql!("read_accepted", lookups, caller_param.clone()));
    statements
}

/// A row of `read_accepted.sql`, which lists these fields in this order.
#[derive(Deserialize)]
struct AcceptedRow {
    index: usize,
    tenant: String,
    minted: String,
    id: Option<String>,
    digest: Option<String>,
    kind: Option<String>,
    event_id: Option<String>,
    created_at: Option<i64>,
    scheduled_at: Option<i64>,
    endpoint_known: u8,
    refused: u8,
    /// 1 if the idempotency key by which the job was found has ended.
    key_ended: u8,
}

/// Reads the rows of the last statement, one for each job, in the order of the jobs.
fn read_outcomes(jobs: usize, answers: &[Rows]) -> Result<Vec<AcceptedRow>, Problem> {
    let rows = answers.last().ok_or(Problem::Internal)?;
    let mut outcomes: Vec<AcceptedRow> = rows_as(rows).map_err(|error| unavailable(&error))?;
    outcomes.sort_unstable_by_key(|outcome| outcome.index);
    if outcomes.len() == jobs { Ok(outcomes) } else { Err(Problem::Internal) }
}

/// Returns the result of one job. `now` is the database's time.
fn judge_outcome(job: &NewJob, row: AcceptedRow, now: i64) -> Result<Accepted, Problem> {
    let (Some(id), Some(kind), Some(created_at)) = (row.id, row.kind, row.created_at) else {
        if let Some(refusal) = &job.refused_if_new {
            return Err(refusal.clone());
        }
        return Err(Problem::unknown_endpoint(&job.endpoint));
    };
    if !row.digest.is_some_and(|digest| may_be_the_same(&digest, &job.digest)) {
        return Err(Problem::IdempotencyKeyReused);
    }
    let duplicate = id != row.minted;
    let body = AcceptedJob {
        id: id.clone(),
        kind,
        state: if row.scheduled_at.is_some() { AcceptedState::Scheduled } else { AcceptedState::Queued },
        created_at: Time(created_at),
        run_after: Time(row.scheduled_at.unwrap_or(created_at)),
        event_id: row.event_id.unwrap_or_else(|| id.clone()),
    };
    let (reference, queue) = (JobRef { tenant: row.tenant, id }, JobQueue::of(&job.kind));
    let delay = delay_seconds(row.scheduled_at.map_or(0, |at| at - now)).filter(|_| !duplicate);
    let hint = delay.map(|delay_seconds| Hint { job: reference.clone(), queue, delay_seconds });
    Ok(Accepted { job: reference, body, duplicate, hint })
}

/// Stores the objects of new jobs, except those with ids in `done`, and adds their ids to `done`.
///
/// # Errors
/// `Unavailable`; objects that were already stored are orphans then.
pub(crate) async fn put_all<W: Blobs + Clock>(
    world: &W,
    tenant: &str,
    jobs: &[NewJob],
    done: &mut BTreeSet<String>,
) -> Result<(), Problem> {
    let wanted = jobs.iter().filter_map(|job| Some((job, job.object.as_ref()?)));
    let fresh: Vec<_> = wanted.filter(|(job, _)| !done.contains(&job.id)).collect();
    let puts = fresh.iter().map(|(job, object)| async move {
        put(world, &JobRef { tenant: tenant.to_owned(), id: job.id.clone() }, object.as_bytes()).await
    });
    // In parallel: one by one, the objects of a batch could take longer than an id may be old.
    stream::iter(puts).buffer_unordered(REQUESTS_AT_ONCE).try_collect::<()>().await?;
    done.extend(fresh.into_iter().map(|(job, _)| job.id.clone()));
    Ok(())
}
