//! The statements: each `.sql` file under its name, and how a batch is run with patience.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;

use crate::limits::{BOUND_PARAMETERS_MAX, DATABASE_MS_MAX, DATABASE_TRIES, PARAMETER_BYTES_MAX, SQL_BYTES_MAX};
use crate::ports::{Clock, Database, DatabaseError, Param, Rows, Statement};

/// A statement from its file: `sql!("claim", jobs, token)`.
macro_rules! sql {
    ($name:literal $(, $param:expr)* $(,)?) => {
        $crate::ports::Statement {
            name: $name,
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/", $name, ".sql")),
            params: vec![$($crate::ports::Param::from($param)),*],
        }
    };
}
pub(crate) use sql;

/// A statement that acts for a caller: the text of `caller.sql` is put before its own.
macro_rules! sql_for_caller {
    ($name:literal $(, $param:expr)* $(,)?) => {
        $crate::ports::Statement {
            name: $name,
            sql: concat!(
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/caller.sql")),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/", $name, ".sql")),
            ),
            params: vec![$($crate::ports::Param::from($param)),*],
        }
    };
}
pub(crate) use sql_for_caller;

/// Serialises a list or an object into the one JSON parameter of a statement.
///
/// Unwrap safety: our own types have string keys and no failing serialisers, so this cannot fail; `null` would make
/// the statement touch no row.
pub fn json_param(value: &impl serde::Serialize) -> Param {
    Param::Text(serde_json::to_string(value).unwrap_or_else(|_| "null".into()))
}

/// Reads each row as `T`.
///
/// # Errors
/// When a row has another shape, which is a bug of ours.
pub fn rows_as<T: DeserializeOwned>(rows: &Rows) -> Result<Vec<T>, DatabaseError> {
    rows.iter()
        .map(|row| {
            serde_json::from_str(row).map_err(|error| DatabaseError::Refused(format!("a row is unreadable: {error}")))
        })
        .collect()
}

/// Reads the first row as `T`, if there is one.
///
/// # Errors
/// When it has another shape.
pub fn first_as<T: DeserializeOwned>(rows: Option<&Rows>) -> Result<Option<T>, DatabaseError> {
    match rows {
        Some(rows) => Ok(rows_as(rows)?.pop()),
        None => Ok(None),
    }
}

/// Runs a batch, again if the database was out of reach. Every batch of ours is safe to repeat: an answer that was
/// lost after the commit is read back by token, id or guard.
///
/// # Errors
/// When the database stays out of reach, or refuses.
pub async fn batch<W: Database + Clock>(world: &W, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
    for statement in &statements {
        check_limits(statement)?;
    }
    let waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_factor(4.0)
        .with_max_times(DATABASE_TRIES - 1)
        .build();
    for wait in waits {
        match try_batch(world, statements.clone()).await {
            Err(DatabaseError::Unreachable(reason)) => {
                tracing::warn!(reason, "the database is out of reach, trying again");
                // Full jitter: 0 to the whole wait.
                world.sleep(wait.mul_f64(unit_interval(world.random()))).await;
            }
            answer => return answer,
        }
    }
    try_batch(world, statements).await
}

/// One try. A batch that does not answer in time may still commit, like one whose answer is lost.
async fn try_batch<W: Database + Clock>(world: &W, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
    let answer = within(world, DATABASE_MS_MAX, world.batch(statements)).await;
    answer.unwrap_or_else(|| Err(DatabaseError::Unreachable(format!("no answer within {DATABASE_MS_MAX} ms"))))
}

/// Waits for a future, but not longer than `ms`.
pub(crate) async fn within<C: Clock, F: Future>(clock: &C, ms: i64, future: F) -> Option<F::Output> {
    let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    match select(pin!(future), pin!(clock.sleep(wait))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}

/// A number in 0..1 from random bits.
fn unit_interval(random: u128) -> f64 {
    let bytes = random.to_le_bytes();
    f64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) / (f64::from(u32::MAX) + 1.0)
}

/// The platform's limits that the local runtime does not enforce.
fn check_limits(statement: &Statement) -> Result<(), DatabaseError> {
    let too_large = statement.params.iter().any(|param| match param {
        Param::Text(text) => text.len() > PARAMETER_BYTES_MAX,
        Param::Number(_) | Param::Null => false,
    });
    if too_large {
        return Err(DatabaseError::Refused(format!("a parameter of {} is over 2 MB", statement.name)));
    }
    if statement.params.len() > BOUND_PARAMETERS_MAX || statement.sql.len() > SQL_BYTES_MAX {
        return Err(DatabaseError::Refused(format!("{} is more than D1 takes", statement.name)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_over_two_megabytes_is_refused_before_it_is_sent() {
        let statement = |bytes| Statement { name: "test", sql: "", params: vec![Param::Text("x".repeat(bytes))] };
        assert!(check_limits(&statement(PARAMETER_BYTES_MAX)).is_ok());
        assert!(check_limits(&statement(PARAMETER_BYTES_MAX + 1)).is_err());
    }
}
