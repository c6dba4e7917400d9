//! Real D1 behind the core's own port, so that suites written for rusqlite run against workerd unchanged.

use std::cell::Cell;

use longshore::ports::{Database, DatabaseError, Param, Rows, Statement};
use serde_json::{Map, Value};

use crate::runner::{D1Result, Runner, RunnerError};

/// D1 in the workerd of a runner. It counts what D1 would bill.
#[derive(Debug)]
pub struct BridgeDatabase<'a> {
    runner: &'a Runner,
    /// Rows written since the start.
    pub rows_written: Cell<u64>,
    /// Rows read since the start.
    pub rows_read: Cell<u64>,
    /// Statements run since the start.
    pub statements: Cell<u64>,
    /// The size that D1 told last, in bytes.
    pub size: Cell<Option<i64>>,
}

impl<'a> BridgeDatabase<'a> {
    /// The database of `runner`, with all counts at zero.
    pub fn new(runner: &'a Runner) -> Self {
        Self {
            runner,
            rows_written: Cell::new(0),
            rows_read: Cell::new(0),
            statements: Cell::new(0),
            size: Cell::new(None),
        }
    }

    fn count(&self, results: &[D1Result]) {
        for D1Result { meta, .. } in results {
            self.rows_written.update(|rows| rows + meta.rows_written);
            self.rows_read.update(|rows| rows + meta.rows_read);
            self.statements.update(|statements| statements + 1);
            self.size.set(i64::try_from(meta.size_after).ok());
        }
    }
}

impl Database for BridgeDatabase<'_> {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        let bound: Vec<(&str, Vec<Value>)> =
            statements.iter().map(|statement| (statement.sql, statement.params.iter().map(value).collect())).collect();
        let results = self.runner.d1(&bound).await.map_err(database_error)?;
        self.count(&results);
        Ok(results.into_iter().map(|result| result.rows.into_iter().map(text).collect()).collect())
    }

    fn size_bytes(&self) -> Option<i64> {
        self.size.get()
    }
}

fn value(param: &Param) -> Value {
    match param {
        Param::Text(text) => Value::from(text.as_str()),
        Param::Number(number) => Value::from(*number),
        Param::Null => Value::Null,
    }
}

/// The one column of a row. Anything but text is shown as JSON; NULL is no text at all.
fn text(row: Map<String, Value>) -> String {
    match row.into_iter().next() {
        Some((_, Value::String(text))) => text,
        None | Some((_, Value::Null)) => String::new(),
        Some((_, other)) => other.to_string(),
    }
}

/// D1 marks its own refusals; everything else is a database that could not be asked.
fn database_error(error: RunnerError) -> DatabaseError {
    match error {
        RunnerError::Refused(text) if text.starts_with("D1_") => DatabaseError::Refused(text),
        other => DatabaseError::Unreachable(other.to_string()),
    }
}
