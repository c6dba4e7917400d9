//! The accept: a request becomes a durable job, once per idempotency key, in one round trip to the database; two if its
//! payload is large.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
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
use crate::store::counted::batch_counting_accepted;
use crate::store::objects::put;
use crate::store::rows::unavailable;
use crate::store::{batch, json_param, json_params, rows_as, sql};
use crate::wire::idempotency::may_be_the_same;
use crate::wire::job_queue::JobQueue;
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// Seals the secrets of jobs for their tenant. It must be known for that: a key that names none is read first, which costs a
/// round trip for those jobs alone that have a secret header.
///
/// # Errors
/// As [`authorize`]; `InvalidHeader` when a key for all tenants names none.
pub async fn seal_secrets<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    caller: &Caller,
    jobs: &mut [NewJob],
) -> Result<(), Problem> {
    if !jobs.iter().any(|job| job.is_unsealed) {
        return Ok(());
    }
    // A tenant that the key is not of is refused by the accept, which stores nothing then.
    let tenant = match &caller.tenant {
        Some(tenant) => tenant.clone(),
        None => authorize(world, caller, Scope::JobsWrite).await?.tenant.ok_or_else(Problem::names_no_tenant)?,
    };
    jobs.iter_mut().try_for_each(|job| job.seal_secrets(world, settings, &tenant))
}

/// Makes jobs durable: one batch that checks the key, frees keys whose window ended, inserts, and reads back. Before it, the
/// objects of large payloads are put, for those alone that are not there already. What is refused if it is new is not inserted,
/// and answered by its key as the others are.
///
/// Safe to repeat: the ids stay the same, and what is there already is not inserted again.
///
/// # Errors
/// A problem for the whole request: also why the store takes no new jobs, if none of these is there already. Otherwise one
/// answer per job, in their order.
pub async fn accept<W: Database + Blobs + Clock>(
    world: &W,
    caller: &Caller,
    jobs: Vec<NewJob>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    accept_for(world, Submitter { caller, scope: Scope::JobsWrite }, jobs).await
}

/// Who makes jobs, and the scope that their key needs for it.
#[derive(Debug, Clone, Copy)]
pub struct Submitter<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// The scope.
    pub scope: Scope,
}

/// The same for a route whose jobs need another scope than `jobs:write`.
///
/// # Errors
/// As [`accept`].
pub async fn accept_for<W: Database + Blobs + Clock>(
    world: &W,
    submitter: Submitter<'_>,
    jobs: Vec<NewJob>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    if jobs.iter().any(|job| job.is_unsealed) {
        tracing::error!("a job with unsealed secrets is not accepted");
        return Err(Problem::Internal);
    }
    let has_large = jobs.iter().any(|job| job.object.is_some());
    let (tenant, answers, unknown) = if has_large {
        answer_known(world, submitter, jobs).await?
    } else {
        (String::new(), jobs.iter().map(|_| None).collect(), jobs)
    };
    // Also with no job at all: the key is checked all the same.
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

/// Whether it is why the store takes no new jobs now, whatever they are.
fn is_of_the_store(problem: &Problem) -> bool {
    matches!(problem, Problem::StorageFull | Problem::QuotaReached)
}

type JobOutcomes = Vec<Option<Result<Accepted, Problem>>>;

/// Answers those large jobs that are there already or cannot be accepted: no megabytes are put for them, nor for a caller who
/// may not send any. Answers the tenant, too, and the jobs that are left.
///
/// A key that is known now is not asked for again: were it freed in between, a row would come without its object.
async fn answer_known<W: Database + Clock>(
    world: &W,
    submitter: Submitter<'_>,
    jobs: Vec<NewJob>,
) -> Result<(String, JobOutcomes, Vec<NewJob>), Problem> {
    let large: Vec<&NewJob> = jobs.iter().filter(|job| job.object.is_some()).collect();
    let InsertResult { tenant, now, refusal, outcomes } = ask(world, submitter, &large, false).await?;
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
    // Minted again before an object is put, and not after; those without one too, so that they stay in order.
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
        // Objects come before their rows. What is refused then is not deleted: a batch that seemed lost may still commit, and
        // an object without a row is found by the sweep.
        put_all(world, tenant, &jobs, &mut objects).await?;
        let InsertResult { now, refusal, outcomes, .. } =
            ask(world, submitter, &jobs.iter().collect::<Vec<_>>(), true).await?;
        let some_missing = outcomes.iter().any(is_missing);
        if refusal.is_some() || !some_missing {
            let judge = |(job, outcome): (&NewJob, AcceptedRow)| match &refusal {
                Some(refusal) if is_missing(&outcome) => Err(refusal.clone()),
                _ => judge_outcome(job, outcome, now),
            };
            return Ok(jobs.iter().zip(outcomes).map(judge).collect());
        }
        // The clock that minted the ids is more than 20 s off: the database's own is taken instead.
        tracing::warn!(ours = world.now_ms(), database = now, "ids are minted again by the database's clock");
        // Only those that were refused: a job that is there already would be there twice.
        let missing = jobs.iter_mut().zip(&outcomes).filter(|(_, outcome)| is_missing(outcome));
        mint_again(world, missing.map(|(job, _)| job), now);
    }
    Err(Problem::Unavailable)
}

/// Whether a job is not there although nothing is wrong with it: its id is of no time that the database knows, or the store takes
/// no new jobs.
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

/// What the store told of some jobs.
struct InsertResult {
    tenant: String,
    now: i64,
    /// Why the store takes no new jobs now.
    refusal: Option<Problem>,
    outcomes: Vec<AcceptedRow>,
}

/// Asks what became of jobs, and inserts them before if that is wanted.
async fn ask<W: Database + Clock>(
    world: &W,
    Submitter { caller, scope }: Submitter<'_>,
    jobs: &[&NewJob],
    inserts: bool,
) -> Result<InsertResult, Problem> {
    let asks = asks(caller, scope);
    let statements = statements(caller, &asks, jobs, inserts);
    let answers = if inserts {
        let ids = |jobs: &mut dyn Iterator<Item = &&NewJob>| jobs.map(|job| json!({"id": job.id})).collect::<Vec<_>>();
        let grouped = ids(&mut jobs.iter().filter(|job| job.group.is_some()));
        batch_counting_accepted(world, &ids(&mut jobs.iter()), &grouped, &asks, statements).await
    } else {
        batch(world, &statements).await
    };
    let answers = answers.map_err(|error| unavailable(&error))?;
    let (authorized, row) = judge_caller(caller, scope, answers.first())?;
    let tenant = authorized.tenant.ok_or_else(Problem::names_no_tenant)?;
    note_use(world, caller, &row).await;
    let outcomes = read_outcomes(jobs.len(), &answers, inserts)?;
    Ok(InsertResult { tenant, now: row.now, refusal: row.refusal(), outcomes })
}

/// Statements per parameter: free, insert, hour, read; or, when nothing is inserted, the first and the last.
fn statements_per_chunk(inserts: bool) -> usize {
    if inserts { 4 } else { 2 }
}

/// What the statements are told of the caller.
fn asks(caller: &Caller, scope: Scope) -> Param {
    json_param(&json!({
        "key": caller.token.id, "hash": caller.token.hash(), "scope": scope.name(), "tenant": caller.tenant,
        "epoch": caller.epoch, "traceparent": caller.origin.traceparent, "tracestate": caller.origin.tracestate, "hops": caller.origin.hops,
    }))
}

fn statements(caller: &Caller, asks: &Param, jobs: &[&NewJob], inserts: bool) -> Vec<Statement> {
    let mut statements = vec![authorize_statement(caller)];
    for items in json_params(jobs, ACCEPT_PARAMETER_BYTES) {
        statements.push(sql!("free_keys", items.clone(), asks.clone()));
        if inserts {
            statements.push(sql!("accept", items.clone(), asks.clone(), ID_SKEW_MS_MAX));
            statements.push(sql!("note_hour", items.clone(), asks.clone()));
        }
        statements.push(sql!("read_accepted", items, asks.clone()));
    }
    statements
}

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
}

fn read_outcomes(jobs: usize, answers: &[Rows], inserts: bool) -> Result<Vec<AcceptedRow>, Problem> {
    let mut outcomes = Vec::new();
    let per_chunk = statements_per_chunk(inserts);
    for rows in answers.iter().skip(per_chunk).step_by(per_chunk) {
        outcomes.extend(rows_as::<AcceptedRow>(rows).map_err(|error| unavailable(&error))?);
    }
    outcomes.sort_unstable_by_key(|outcome| outcome.index);
    if outcomes.len() == jobs { Ok(outcomes) } else { Err(Problem::Internal) }
}

/// What became of one job, at `now` by the database's clock.
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

/// Puts the objects of new jobs, but for those whose ids are in `done`, and notes them there. One after the other: a batch has
/// room for 63, and most requests have one.
///
/// # Errors
/// `Unavailable`; objects that were put already are orphans then.
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
    // One after the other, those of a batch could take longer than an id may be old.
    stream::iter(puts).buffer_unordered(REQUESTS_AT_ONCE).try_collect::<()>().await?;
    done.extend(fresh.into_iter().map(|(job, _)| job.id.clone()));
    Ok(())
}
