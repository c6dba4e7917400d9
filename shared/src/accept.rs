//! The accept: a request becomes a durable job, once per idempotency key, in one round trip to the database.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::authorize::{Caller, authorize_statement, judge_caller, note_use, unavailable};
use crate::groups::batch_counting_accepted;
use crate::hint::{Hint, delay_seconds};
use crate::job::{JobRef, Lane, mint_id};
use crate::jobs::endpoint_pointer;
use crate::key::Scope;
use crate::limits::{ACCEPT_PARAMETER_BYTES, ID_SKEW_MS_MAX, MINTS_MAX};
use crate::ports::{Clock, Database, Param, Rows, Statement};
use crate::problem::Problem;
use crate::request::NewJob;
use crate::store::{json_param, rows_as, sql_for_caller};
use crate::time::rfc3339;

/// A job that is durable, with only what never changes.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Whose job.
    pub job: JobRef,
    /// The answer's body, the same for every repeat of the request.
    pub body: Value,
    /// Whether the job was there already.
    pub replayed: bool,
    /// Its hint, if it is to have one: it is new, and its time is near.
    pub hint: Option<Hint>,
}

/// Makes jobs durable: one batch that checks the key, frees keys whose window ended, inserts, and reads back.
///
/// Safe to repeat: the ids stay the same, and what is there already is not inserted again.
///
/// # Errors
/// A problem for the whole request; otherwise one answer per job, in their order.
pub async fn accept<W: Database + Clock>(
    world: &W,
    caller: &Caller,
    mut jobs: Vec<NewJob>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    for _ in 0..MINTS_MAX {
        let asks = asks(caller);
        let statements = statements(caller, &asks, &jobs)?;
        let answers =
            batch_counting_accepted(world, &jobs, &asks, statements).await.map_err(|error| unavailable(&error))?;
        let (authorized, row) = judge_caller(caller, Scope::JobsWrite, answers.first())?;
        if authorized.tenant.is_none() {
            return Err(Problem::names_no_tenant());
        }
        let outcomes = read_outcomes(&jobs, &answers)?;
        let missing = outcomes.iter().any(|outcome| outcome.id.is_none() && outcome.endpoint_known != 0);
        note_use(world, caller, &row).await;
        if missing && row.storage_full == Some(1) {
            return Err(Problem::StorageFull);
        }
        if !missing {
            return Ok(jobs.iter().zip(outcomes).map(|(job, outcome)| judge_outcome(job, outcome, row.now)).collect());
        }
        // The clock that minted the ids is more than 20 s off: the database's own is taken instead.
        tracing::warn!(ours = world.now_ms(), database = row.now, "ids are minted again by the database's clock");
        // Only those that were refused: a job that is there already would be there twice.
        for (job, _) in jobs.iter_mut().zip(&outcomes).filter(|(_, outcome)| outcome.id.is_none()) {
            job.id = mint_id(row.now, world.random());
            job.created_at = row.now;
        }
    }
    Err(Problem::Unavailable)
}

/// Statements per parameter: free, insert, hour, read.
const STATEMENTS_PER_CHUNK: usize = 4;

/// What the statements are told of the caller.
fn asks(caller: &Caller) -> Param {
    json_param(&json!({
        "key": caller.token.id, "hash": caller.token.hash(), "scope": Scope::JobsWrite.name(), "tenant": caller.tenant,
    }))
}

fn statements(caller: &Caller, asks: &Param, jobs: &[NewJob]) -> Result<Vec<Statement>, Problem> {
    let mut statements = vec![authorize_statement(caller)];
    for chunk in chunks(jobs)? {
        let items = Param::Text(chunk);
        statements.push(sql_for_caller!("free_keys", items.clone(), asks.clone()));
        statements.push(sql_for_caller!("accept", items.clone(), asks.clone(), ID_SKEW_MS_MAX));
        statements.push(sql_for_caller!("note_hour", items.clone(), asks.clone()));
        statements.push(sql_for_caller!("read_accepted", items, asks.clone()));
    }
    Ok(statements)
}

/// The jobs as JSON arrays that each fit into one parameter.
fn chunks(jobs: &[NewJob]) -> Result<Vec<String>, Problem> {
    let mut chunks: Vec<String> = Vec::new();
    for job in jobs {
        let item = serde_json::to_string(job).map_err(|_| Problem::Internal)?;
        match chunks.last_mut() {
            Some(chunk) if chunk.len() + item.len() < ACCEPT_PARAMETER_BYTES => {
                chunk.push(',');
                chunk.push_str(&item);
            }
            _ => chunks.push(format!("[{item}")),
        }
    }
    for chunk in &mut chunks {
        chunk.push(']');
    }
    Ok(chunks)
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
}

fn read_outcomes(jobs: &[NewJob], answers: &[Rows]) -> Result<Vec<AcceptedRow>, Problem> {
    let mut outcomes = Vec::new();
    for rows in answers.iter().skip(STATEMENTS_PER_CHUNK).step_by(STATEMENTS_PER_CHUNK) {
        outcomes.extend(rows_as::<AcceptedRow>(rows).map_err(|error| unavailable(&error))?);
    }
    outcomes.sort_by_key(|outcome| outcome.index);
    if outcomes.len() == jobs.len() { Ok(outcomes) } else { Err(Problem::Internal) }
}

/// What became of one job, at `now` by the database's clock.
fn judge_outcome(job: &NewJob, row: AcceptedRow, now: i64) -> Result<Accepted, Problem> {
    let (Some(id), Some(created_at)) = (row.id, row.created_at) else {
        return Err(Problem::field(endpoint_pointer(&job.kind), "unknown-endpoint", "There is no such endpoint."));
    };
    if row.digest.as_deref() != Some(job.digest.as_str()) {
        return Err(Problem::IdempotencyKeyReused);
    }
    let replayed = id != row.minted;
    let body = json!({
        "id": id, "kind": row.kind, "event_id": row.event_id.as_deref().unwrap_or(&id),
        "created_at": rfc3339(created_at), "run_after": rfc3339(row.scheduled_at.unwrap_or(created_at)),
        "accepted": if row.scheduled_at.is_some() { "scheduled" } else { "queued" },
    });
    let (reference, lane) = (JobRef { tenant: row.tenant, id }, Lane::of(&job.kind));
    let delay = delay_seconds(row.scheduled_at.map_or(0, |at| at - now)).filter(|_| !replayed);
    let hint = delay.map(|delay_seconds| Hint { job: reference.clone(), lane, delay_seconds });
    Ok(Accepted { job: reference, body, replayed, hint })
}
