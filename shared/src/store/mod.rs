//! Access to the databases: each `.sql` file as a statement, and batches with retries.

pub mod audit;
pub mod counted;
pub(crate) mod meta;
pub mod notify;
pub mod objects;
pub mod rows;
pub(crate) mod search;
pub mod secrets;
pub(crate) mod vectors;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;

use crate::limits::{BOUND_PARAMETERS_MAX, DATABASE_MS_MAX, DATABASE_TRIES, PARAMETER_BYTES_MAX, SQL_BYTES_MAX};
use crate::ports::{Clock, Database, DatabaseError, Param, Rows, Statement};
use crate::wire::json_error;

/// Builds a statement from its file: `sql!("claim", jobs, token)`.
macro_rules! sql {
    ($name:literal $(, $param:expr)* $(,)?) => {
        $crate::ports::Statement {
            name: $name,
            sql: include_str!(concat!(env!("OUT_DIR"), "/store/", $name, ".sql")),
            params: vec![$($crate::ports::Param::from($param)),*],
        }
    };
}
pub(crate) use sql;

/// Returns the first and the last tenant of a statement: one tenant, or all of them.
pub(crate) fn tenants(tenant: Option<&str>) -> (&str, &str) {
    // Texts are compared by their bytes, and this one is after the name of every tenant.
    tenant.map_or(("", "\u{10ffff}"), |tenant| (tenant, tenant))
}

/// Serialises a list or an object into the one JSON parameter of a statement.
///
/// Unwrap safety: all types that are passed here have string keys and serialisers that cannot fail. A `null` would make
/// the statement match no row.
pub fn json_param(value: &impl serde::Serialize) -> Param {
    Param::Text(serde_json::to_string(value).unwrap_or_else(|_| "null".into()))
}

/// Serialises items into JSON arrays. Each array is one parameter of a statement, at most `bytes` long before its
/// closing bracket. An item that is longer gets an array alone.
///
/// Unwrap safety: as for [`json_param`]; a `null` in an array would match no row.
pub(crate) fn json_params<T: serde::Serialize>(items: impl IntoIterator<Item = T>, bytes: usize) -> Vec<Param> {
    let mut arrays: Vec<String> = Vec::new();
    for item in items {
        let item = serde_json::to_string(&item).unwrap_or_else(|_| "null".into());
        match arrays.last_mut() {
            Some(array) if array.len() + item.len() < bytes => {
                array.push(',');
                array.push_str(&item);
            }
            _ => arrays.push(format!("[{item}")),
        }
    }
    arrays.into_iter().map(|array| Param::Text(array + "]")).collect()
}

/// Reads each row as `T`.
///
/// # Errors
/// When a row does not have the shape of `T`, which is a bug.
pub fn rows_as<T: DeserializeOwned>(rows: &Rows) -> Result<Vec<T>, DatabaseError> {
    rows.iter()
        .map(|row| {
            serde_json::from_str(row).map_err(|error| {
                DatabaseError::Refused(format!("a row is unreadable: {}", json_error::describe(&error)))
            })
        })
        .collect()
}

/// Reads the first row as `T`, if there is one.
///
/// # Errors
/// When the row does not have the shape of `T`.
pub fn first_as<T: DeserializeOwned>(rows: Option<&Rows>) -> Result<Option<T>, DatabaseError> {
    match rows {
        Some(rows) => Ok(rows_as(rows)?.pop()),
        None => Ok(None),
    }
}

/// Runs a batch, and retries it while the database is out of reach: [`DATABASE_TRIES`] tries in all. Every batch of
/// this crate is safe to repeat: if an answer was lost after the commit, the result is read back by token, id or guard.
///
/// # Errors
/// When the database stays out of reach, refuses a statement, or has spent a daily limit.
pub async fn batch<W: Database + Clock>(world: &W, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
    for statement in statements {
        check_limits(statement)?;
    }
    let waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_factor(4.0)
        .with_max_times(DATABASE_TRIES - 1)
        .build();
    for wait in waits {
        match try_batch(world, statements).await {
            Err(DatabaseError::Unreachable(reason)) => {
                tracing::warn!(reason, "database_retry");
                // Full jitter: 0 to the whole wait.
                world.sleep(wait.mul_f64(unit_interval(world.random()))).await;
            }
            answer => return answer,
        }
    }
    try_batch(world, statements).await
}

/// Runs a batch once. A batch that times out may still commit, as one whose answer is lost.
pub(crate) async fn try_batch<W: Database + Clock>(
    world: &W,
    statements: &[Statement],
) -> Result<Vec<Rows>, DatabaseError> {
    let answer = within(world, DATABASE_MS_MAX, world.batch(statements)).await;
    answer.unwrap_or_else(|| Err(DatabaseError::Unreachable(format!("no answer within {DATABASE_MS_MAX} ms"))))
}

/// Waits for a future for at most `ms` milliseconds; `None` if it is not ready by then.
pub(crate) async fn within<C: Clock, F: Future>(clock: &C, ms: i64, future: F) -> Option<F::Output> {
    let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    match select(pin!(future), pin!(clock.sleep(wait))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}

/// Converts random bits into a number from 0 to below 1.
fn unit_interval(random: u128) -> f64 {
    let bytes = random.to_le_bytes();
    f64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) / (f64::from(u32::MAX) + 1.0)
}

/// Checks limits of D1 that the local runtime does not enforce.
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
    use std::cell::{Cell, RefCell};
    use std::future::{pending, ready};

    use futures_util::FutureExt;
    use futures_util::future::Either as Branch;

    use super::*;

    /// A database that returns scripted answers in order, and hangs after the last one. Its clock never waits.
    #[derive(Default)]
    struct ScriptedDatabase {
        script: RefCell<Vec<Result<Vec<Rows>, DatabaseError>>>,
        asked: Cell<usize>,
        slept: RefCell<Vec<Duration>>,
    }

    impl Database for ScriptedDatabase {
        async fn batch(&self, _statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
            self.asked.update(|asked| asked + 1);
            let next = self.script.borrow_mut().pop();
            next.map_or_else(|| Branch::Left(pending()), |answer| Branch::Right(ready(answer))).await
        }

        fn size_bytes(&self) -> Option<i64> {
            None
        }
    }

    impl Clock for ScriptedDatabase {
        fn now_ms(&self) -> i64 {
            0
        }

        async fn sleep(&self, duration: Duration) {
            self.slept.borrow_mut().push(duration);
        }

        fn random(&self) -> u128 {
            u128::MAX / 2
        }
    }

    fn asked(
        answers: &[Result<Vec<Rows>, DatabaseError>],
    ) -> (Result<Vec<Rows>, DatabaseError>, usize, ScriptedDatabase) {
        let world = ScriptedDatabase {
            script: RefCell::new(answers.iter().rev().cloned().collect()),
            ..ScriptedDatabase::default()
        };
        let answer = batch(&world, &[Statement { name: "test", sql: "", params: vec![] }]).now_or_never().unwrap();
        (answer, world.asked.get(), world)
    }

    #[test]
    fn a_batch_is_tried_three_times_and_a_refused_one_once() {
        let unreachable = || Err(DatabaseError::Unreachable("away".into()));
        let refused = || Err(DatabaseError::Refused("no".into()));
        let done = || Ok(vec![vec!["1".to_owned()]]);
        for (answers, expected, tries) in [
            (vec![done()], done(), 1),
            (vec![refused(), done()], refused(), 1),
            (vec![unreachable(), done()], done(), 2),
            (vec![unreachable(), unreachable(), done()], done(), 3),
            (vec![unreachable(), unreachable(), unreachable(), done()], unreachable(), DATABASE_TRIES),
        ] {
            let (answer, asked, _) = asked(&answers);
            assert_eq!((answer, asked), (expected, tries));
        }
        let (hung, asked, world) = asked(&[]);
        assert!(matches!(hung, Err(DatabaseError::Unreachable(text)) if text.contains("30000 ms")));
        assert_eq!(asked, DATABASE_TRIES);
        let (long, short): (Vec<_>, Vec<_>) =
            world.slept.borrow().iter().copied().partition(|wait| *wait == Duration::from_secs(30));
        assert_eq!((long.len(), short.len()), (3, 2), "30 s for each answer, and a short wait between");
        assert!(Duration::ZERO < short[0] && short[0] < short[1] && short[1] < Duration::from_secs(2), "{short:?}");
    }

    #[test]
    fn random_bits_are_a_part_of_one() {
        assert!(unit_interval(0) == 0.0);
        let halves = [0x7fff_ffff_u32, 0x8000_0000].map(|bits| unit_interval(u128::from(bits)));
        assert!(halves[0] < 0.5 && halves[1] >= 0.5);
        assert!((0.999..1.0).contains(&unit_interval(u128::MAX)));
    }

    #[test]
    fn rows_are_read_or_refused() {
        let rows = vec!["1".to_owned(), "2".to_owned()];
        assert_eq!(rows_as::<u8>(&rows), Ok(vec![1, 2]));
        assert!(matches!(rows_as::<String>(&rows), Err(DatabaseError::Refused(_))));
        assert_eq!(first_as::<u8>(None), Ok(None));
        assert_eq!(first_as::<u8>(Some(&vec!["7".to_owned()])), Ok(Some(7)));
        assert_eq!(json_param(&["a"]), Param::Text(r#"["a"]"#.into()));
    }

    #[test]
    fn items_go_into_as_few_parameters_as_take_them() {
        let of = |texts: &[&str]| json_params(texts, 12);
        let arrays = |texts: &[&str]| texts.iter().map(|text| Param::Text((*text).to_owned())).collect::<Vec<_>>();
        assert_eq!(of(&["abc", "de", "f"]), arrays(&[r#"["abc","de"]"#, r#"["f"]"#]));
        assert_eq!(of(&["abcd", "def"]), arrays(&[r#"["abcd"]"#, r#"["def"]"#]));
        assert_eq!(of(&["longer than that", "a"]), arrays(&[r#"["longer than that"]"#, r#"["a"]"#]));
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn statements_beyond_the_limits_of_d1_are_refused_before_they_are_sent() {
        let with = |params: usize| Statement { name: "test", sql: "", params: vec![Param::Null; params] };
        assert!(check_limits(&with(BOUND_PARAMETERS_MAX)).is_ok());
        assert!(check_limits(&with(BOUND_PARAMETERS_MAX + 1)).is_err());
        let long = |bytes: usize| Statement { name: "test", sql: "x".repeat(bytes).leak(), params: vec![] };
        assert!(check_limits(&long(SQL_BYTES_MAX)).is_ok());
        assert!(check_limits(&long(SQL_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_parameter_over_two_megabytes_is_refused_before_it_is_sent() {
        let statement = |bytes| Statement { name: "test", sql: "", params: vec![Param::Text("x".repeat(bytes))] };
        assert!(check_limits(&statement(PARAMETER_BYTES_MAX)).is_ok());
        assert!(check_limits(&statement(PARAMETER_BYTES_MAX + 1)).is_err());
    }
}
