//! Batches that also update counts: of groups and actions, and of quotas.
//!
//! The statements that create or end jobs run between two counts. The first count is subtracted, the second is added.
//! So a job counts once, even if a batch is repeated or refuses some jobs. Usually the first count finds nothing and
//! writes nothing, and the second writes one row per group, not per job.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::ID_SKEW_MS_MAX;
use crate::limits::plan::Plan;
use crate::model::hint::Hint;
use crate::model::job::JobRef;
use crate::ports::{Clock, Database, DatabaseError, Param, Rows, Statement};
use crate::store::{batch, first_as, json_param, rows_as, sql};
use crate::wire::job_queue::JobQueue;

/// Sign of the count before the statements: jobs that exist already are subtracted.
const OFF: i64 = -1;

/// Sign of the count after the statements.
const ON: i64 = 1;

fn count_ended(jobs: &[JobRef], sign: i64) -> Statement {
    sql!("count_ended", json_param(&jobs), sign)
}

fn count_grouped(jobs: &[JobRef], sign: i64) -> Statement {
    sql!("count_grouped", json_param(&jobs), sign)
}

/// Builds the statement that adds jobs to the totals if they end without a settlement; none with `STATISTICS=off`.
fn count_ends(plan: &Plan, jobs: &[JobRef], sign: i64) -> Option<Statement> {
    plan.statistics.then(|| sql!("count_ends", json_param(&jobs), sign))
}

/// Builds the statements that make the webhook jobs of groups which have finished: those of the jobs `[[tenant, job], ...]`, or
/// the groups `[[tenant, null, group], ...]`. They run directly behind the statements that end jobs or close groups, and write
/// nothing unless a group finishes. Only the first answers with the jobs that it inserts.
///
/// Safe to repeat: the last one records the job in the row of its group, and the others skip groups with a recorded job.
pub(crate) fn finishing(list: &Param) -> [Statement; 3] {
    [
        sql!("insert_finished", list.clone()),
        sql!("note_finished_hour", list.clone()),
        sql!("note_finished", list.clone()),
    ]
}

async fn counted<W: Database + Clock>(
    world: &W,
    count: impl Fn(i64) -> Vec<Statement>,
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, DatabaseError> {
    Ok(counted_and(world, count, statements, Vec::new()).await?.0)
}

/// Runs statements between two counts, and `last` after them. Returns the answers of the statements, and those of `last`.
async fn counted_and<W: Database + Clock>(
    world: &W,
    count: impl Fn(i64) -> Vec<Statement>,
    statements: Vec<Statement>,
    last: Vec<Statement>,
) -> Result<(Vec<Rows>, Vec<Rows>), DatabaseError> {
    let (before, after, asked) = (count(OFF), count(ON), statements.len());
    let (skipped, counts) = (before.len(), after.len());
    let all: Vec<_> = before.into_iter().chain(statements).chain(after).chain(last).collect();
    let mut answers = batch(world, &all).await?.into_iter().skip(skipped);
    let own = answers.by_ref().take(asked).collect();
    Ok((own, answers.skip(counts).collect()))
}

/// Answers of a batch that may end jobs.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Answers of the statements, without those of the counts.
    pub(crate) answers: Vec<Rows>,
    /// Hints of the webhook jobs of groups that this batch finished.
    pub(crate) hints: Vec<Hint>,
}

/// Runs statements that may end these jobs without a settlement, counts them in the totals, and makes the webhook jobs of
/// groups that finish.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn batch_counting_ends<W: Database + Clock>(
    world: &W,
    plan: &Plan,
    jobs: &[JobRef],
    statements: Vec<Statement>,
) -> Result<Ended, DatabaseError> {
    let count = |sign| [count_ended(jobs, sign)].into_iter().chain(count_ends(plan, jobs, sign)).collect();
    ended(world, jobs, count, statements).await
}

/// Runs the statements of a settlement that may end these jobs, and makes the webhook jobs of groups that finish. The
/// settlement has counted its jobs in the totals.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn batch_counting_grouped_ends<W: Database + Clock>(
    world: &W,
    jobs: &[JobRef],
    statements: Vec<Statement>,
) -> Result<Ended, DatabaseError> {
    ended(world, jobs, |sign| vec![count_ended(jobs, sign)], statements).await
}

async fn ended<W: Database + Clock>(
    world: &W,
    ending: &[JobRef],
    count: impl Fn(i64) -> Vec<Statement>,
    statements: Vec<Statement>,
) -> Result<Ended, DatabaseError> {
    let last = finishing(&json_param(&ending)).into();
    let (answers, finished) = counted_and(world, count, statements, last).await?;
    Ok(Ended { answers, hints: made(finished.first())? })
}

/// Reads the answer of the first statement of [`finishing`]: the inserted jobs, as hints.
fn made(rows: Option<&Rows>) -> Result<Vec<Hint>, DatabaseError> {
    let jobs: Vec<JobRef> = rows.map_or(Ok(Vec::new()), rows_as)?;
    Ok(jobs.into_iter().map(|job| Hint::now(job, JobQueue::Webhooks)).collect())
}

/// Runs statements that may create these jobs. Returns only the answers of those statements.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn batch_counting_new<W: Database + Clock>(
    world: &W,
    jobs: &[JobRef],
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, DatabaseError> {
    counted(world, |sign| vec![count_grouped(jobs, sign)], statements).await
}

/// Runs statements that may end the jobs `ending`, and may create those of `joining` or give them to an action. Makes the
/// webhook jobs of groups that finish.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn batch_counting<W: Database + Clock>(
    world: &W,
    plan: &Plan,
    joining: &[JobRef],
    ending: &[JobRef],
    statements: Vec<Statement>,
) -> Result<Ended, DatabaseError> {
    // The total is counted first: a group is finished when the ends reach it.
    let groups = |sign| [count_grouped(joining, sign), count_ended(ending, sign)];
    let count = |sign| groups(sign).into_iter().chain(count_ends(plan, ending, sign)).collect();
    ended(world, ending, count, statements).await
}

/// Runs the statements of an accept between counts of its groups and of its quotas. Returns only the answers of those
/// statements. `ids` are those of its jobs, `None` if the statements insert nothing for a caller with a quota; `grouped`
/// are those of its jobs with a group, both as `[{"id"}, ...]`. `asks` identifies the caller, because only the
/// statements know the tenant.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn batch_counting_accepted<W: Database + Clock>(
    world: &W,
    ids: Option<&[Value]>,
    grouped: &[Value],
    asks: &Param,
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, DatabaseError> {
    let (ids, grouped) = (ids.map(|ids| json_param(&ids)), (!grouped.is_empty()).then(|| json_param(&grouped)));
    let count = |sign| {
        let quotas = ids.iter().map(|ids| sql!("count_quota", ids.clone(), asks.clone(), sign, ID_SKEW_MS_MAX));
        let groups = grouped.iter().map(|jobs| sql!("count_grouped_accepted", jobs.clone(), asks.clone(), sign));
        quotas.chain(groups).collect()
    };
    counted(world, count, statements).await
}

/// A group's row. Times are in ms since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct GroupRow {
    pub tenant: String,
    pub id: String,
    pub total: u64,
    pub succeeded: u64,
    pub dead: u64,
    pub replayed: u64,
    pub cancelled: u64,
    pub created_at: i64,
    pub finished_at: Option<i64>,
    pub closed_at: Option<i64>,
    /// Endpoint of the webhook job that is made when the group finishes.
    pub on_finished: Option<String>,
    pub on_finished_job: Option<String>,
    /// Reason why the job was not made; its id is then unused.
    pub on_finished_error: Option<OnFinishedError>,
}

impl GroupRow {
    /// Returns the id of the webhook job that was made when the group finished.
    pub fn made_job(&self) -> Option<&str> {
        self.on_finished_job.as_deref().filter(|_| self.on_finished_error.is_none())
    }
}

/// Reason why the webhook job of a finished group was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum OnFinishedError {
    /// The endpoint was deleted after the group was closed.
    EndpointDeleted,
    /// The tenant was being erased.
    Erasure,
}

/// Closes a group, and makes its webhook job if all its jobs have ended. Returns the group, and the hint of the job that
/// this very call made. `on_finished` is the value of the column.
///
/// Safe to repeat: only an open group is closed.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn close<W: Database + Clock>(
    world: &W,
    tenant: &str,
    id: &str,
    on_finished: Param,
) -> Result<(Option<GroupRow>, Option<Hint>), DatabaseError> {
    let mut statements = vec![sql!("close_group", tenant, id, on_finished)];
    statements.extend(finishing(&json_param(&[(tenant, None::<&str>, id)])));
    statements.push(reading(tenant, id));
    let answers = batch(world, &statements).await?;
    Ok((first_as(answers.last())?, made(answers.get(1))?.pop()))
}

fn reading(tenant: &str, id: &str) -> Statement {
    sql!("read_group", tenant, id)
}

/// Reads a group; `None` if no job of it was accepted.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn find_group<W: Database + Clock>(
    world: &W,
    tenant: &str,
    id: &str,
) -> Result<Option<GroupRow>, DatabaseError> {
    first_as(batch(world, &[reading(tenant, id)]).await?.first())
}
