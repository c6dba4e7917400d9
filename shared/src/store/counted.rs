//! Batches that also update counts: of groups and actions, and of quotas.
//!
//! The statements that create or end jobs run between two counts. The first count is subtracted, the second is added.
//! So a job counts once, even if a batch is repeated or refuses some jobs. Usually the first count finds nothing and
//! writes nothing, and the second writes one row per group, not per job.

use serde::Deserialize;
use serde_json::Value;

use crate::limits::ID_SKEW_MS_MAX;
use crate::model::job::JobRef;
use crate::ports::{Clock, Database, DatabaseError, Param, Rows, Statement};
use crate::store::{batch, first_as, json_param, sql};

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

async fn counted<W: Database + Clock>(
    world: &W,
    count: impl Fn(i64) -> Vec<Statement>,
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, DatabaseError> {
    let (before, asked) = (count(OFF), statements.len());
    let skipped = before.len();
    let all: Vec<_> = before.into_iter().chain(statements).chain(count(ON)).collect();
    Ok(batch(world, &all).await?.into_iter().skip(skipped).take(asked).collect())
}

/// Runs statements that may end these jobs. Returns only the answers of those statements.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn batch_counting_ends<W: Database + Clock>(
    world: &W,
    jobs: &[JobRef],
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, DatabaseError> {
    counted(world, |sign| vec![count_ended(jobs, sign)], statements).await
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

/// Runs statements that may end the jobs `ending`, and may create those of `joining` or give them to an action. Returns only
/// the answers of those statements.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn batch_counting<W: Database + Clock>(
    world: &W,
    joining: &[JobRef],
    ending: &[JobRef],
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, DatabaseError> {
    // The total is counted first: a group is finished when the ends reach it.
    counted(world, |sign| vec![count_grouped(joining, sign), count_ended(ending, sign)], statements).await
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
    first_as(batch(world, &[sql!("read_group", tenant, id)]).await?.first())
}
