//! Reading rows: one statement, its rows as a type, a refusal for the caller when the database is out of reach.

use serde::de::DeserializeOwned;

use crate::model::job::{JobRef, JobRow, is_id};
use crate::ports::{Clock, Database, DatabaseError, Rows, Statement};
use crate::store::{batch, rows_as, sql};
use crate::wire::problem::Problem;

/// The rows of one statement, each as `T`.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn read_rows<T: DeserializeOwned, W: Database + Clock>(
    world: &W,
    statement: Statement,
) -> Result<Vec<T>, Problem> {
    let answers = batch(world, &[statement]).await.map_err(|error| unavailable(&error))?;
    rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))
}

/// The row of one statement as `T`, if there is one.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn read_first<T: DeserializeOwned, W: Database + Clock>(
    world: &W,
    statement: Statement,
) -> Result<Option<T>, Problem> {
    Ok(read_rows(world, statement).await?.pop())
}

/// One job, whole.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_job<W: Database + Clock>(world: &W, job: &JobRef) -> Result<JobRow, Problem> {
    if !is_id(&job.id) {
        return Err(Problem::not_found("Job", &job.id));
    }
    let statement = sql!("read_job", job.tenant.as_str(), job.id.as_str());
    read_first(world, statement).await?.ok_or_else(|| Problem::not_found("Job", &job.id))
}

/// Whether a page has as many rows as it may: there may be more.
pub(crate) fn is_full(rows: usize, limit: u32) -> bool {
    rows >= usize::try_from(limit).unwrap_or(usize::MAX)
}

/// What the API says when the store did not answer; what it said is logged, not shown.
pub fn unavailable(error: &DatabaseError) -> Problem {
    match error {
        DatabaseError::Unreachable(reason) => {
            tracing::error!(reason, "the database is out of reach");
            Problem::Unavailable
        }
        DatabaseError::DailyLimit(limit) => {
            tracing::error!(limit = limit.name(), "a daily limit of the account is spent");
            Problem::DailyLimit(*limit)
        }
        DatabaseError::Refused(reason) => {
            tracing::error!(reason, "the database refused a statement");
            Problem::Internal
        }
    }
}

/// The rows of one answer of a batch, each as `T`; none where there is no answer.
///
/// # Errors
/// `Unavailable`.
pub(crate) fn rows<T: DeserializeOwned>(rows: Option<&Rows>) -> Result<Vec<T>, Problem> {
    rows_as(rows.unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))
}
