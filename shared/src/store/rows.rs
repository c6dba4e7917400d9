//! Reading of rows: runs one statement and returns its rows as a type, or a problem if the database is out of reach.

use serde::de::DeserializeOwned;

use crate::model::job::{JobRef, JobRow, is_id};
use crate::ports::{Clock, Database, DatabaseError, Rows, Statement};
use crate::store::{batch, rows_as, sql};
use crate::wire::problem::Problem;

/// Reads the rows of one statement, each as `T`.
///
/// # Errors
/// As [`unavailable`].
pub(crate) async fn read_rows<T: DeserializeOwned, W: Database + Clock>(
    world: &W,
    statement: Statement,
) -> Result<Vec<T>, Problem> {
    let answers = batch(world, &[statement]).await.map_err(|error| unavailable(&error))?;
    rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))
}

/// Reads the row of one statement as `T`, if there is one.
///
/// # Errors
/// As [`unavailable`].
pub(crate) async fn read_first<T: DeserializeOwned, W: Database + Clock>(
    world: &W,
    statement: Statement,
) -> Result<Option<T>, Problem> {
    Ok(read_rows(world, statement).await?.pop())
}

/// Reads one whole job.
///
/// # Errors
/// `NotFound`, or as [`unavailable`].
pub async fn read_job<W: Database + Clock>(world: &W, job: &JobRef) -> Result<JobRow, Problem> {
    if !is_id(&job.id) {
        return Err(Problem::not_found("Job", &job.id));
    }
    let statement = sql!("read_job", job.tenant.as_str(), job.id.as_str());
    read_first(world, statement).await?.ok_or_else(|| Problem::not_found("Job", &job.id))
}

/// Returns true if a page has the maximum number of rows, so there may be more.
pub(crate) fn is_full(rows: usize, limit: u32) -> bool {
    rows >= usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Returns the problem for a failed statement. The reason is logged and not shown to the caller.
pub fn unavailable(error: &DatabaseError) -> Problem {
    match error {
        DatabaseError::Unreachable(reason) => {
            tracing::error!(reason, "database_unreachable");
            Problem::Unavailable
        }
        DatabaseError::DailyLimit(limit) => {
            tracing::error!(limit = limit.name(), "daily_limit_spent");
            Problem::DailyLimit(*limit)
        }
        DatabaseError::Refused(reason) => {
            tracing::error!(reason, "statement_refused");
            Problem::Internal
        }
    }
}

/// Reads the rows of one answer of a batch, each as `T`; none if there is no answer.
///
/// # Errors
/// As [`unavailable`].
pub(crate) fn rows<T: DeserializeOwned>(rows: Option<&Rows>) -> Result<Vec<T>, Problem> {
    rows_as(rows.unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))
}
