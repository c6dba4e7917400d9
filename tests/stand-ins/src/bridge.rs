//! Real D1 behind the core's database port, so that suites written for rusqlite also run against workerd.

use std::cell::Cell;

use longshore::ports::{Database, DatabaseError, IndexDatabase, Param, Rows, Statement};
use serde_json::{Map, Value};

use longshore_kit::runner::{Binding, D1Result, Runner, RunnerError};

/// Both D1 databases in the workerd of a runner. It counts what D1 would bill.
#[derive(Debug)]
pub struct BridgeDatabase<'a> {
    runner: &'a Runner,
    /// Rows written since the start.
    pub rows_written: Cell<u64>,
    /// Rows read since the start.
    pub rows_read: Cell<u64>,
    /// Statements run since the start.
    pub statements: Cell<u64>,
    /// Size of the database of jobs that D1 reported last, in bytes.
    pub size: Cell<Option<i64>>,
}

impl<'a> BridgeDatabase<'a> {
    /// Creates the databases of `runner`, with all counts at zero.
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
        }
    }

    async fn run(&self, binding: Binding, statements: &[Statement]) -> Result<Vec<D1Result>, DatabaseError> {
        let bound: Vec<(&str, Vec<Value>)> =
            statements.iter().map(|statement| (statement.sql, statement.params.iter().map(value).collect())).collect();
        let results = self.runner.batch(binding, &bound).await.map_err(database_error)?;
        self.count(&results);
        Ok(results)
    }
}

impl Database for BridgeDatabase<'_> {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let results = self.run(Binding::Ledger, statements).await?;
        self.size.set(results.last().and_then(|result| i64::try_from(result.meta.size_after).ok()));
        Ok(texts(results))
    }

    fn size_bytes(&self) -> Option<i64> {
        self.size.get()
    }
}

impl IndexDatabase for BridgeDatabase<'_> {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.run(Binding::Index, statements).await.map(texts)
    }
}

fn texts(results: Vec<D1Result>) -> Vec<Rows> {
    results.into_iter().map(|result| result.rows.into_iter().map(text).collect()).collect()
}

fn value(param: &Param) -> Value {
    match param {
        Param::Text(text) => Value::from(text.as_str()),
        Param::Number(number) => Value::from(*number),
        Param::Null => Value::Null,
    }
}

/// Returns the one column of a row. Values other than text are shown as JSON; NULL is an empty text.
fn text(row: Map<String, Value>) -> String {
    match row.into_iter().next() {
        Some((_, Value::String(text))) => text,
        None | Some((_, Value::Null)) => String::new(),
        Some((_, other)) => other.to_string(),
    }
}

/// Converts an error: D1's refusals begin with `D1_`; all others mean that the database is unreachable.
fn database_error(error: RunnerError) -> DatabaseError {
    match error {
        RunnerError::Refused(text) if text.starts_with("D1_") => DatabaseError::Refused(text),
        other => DatabaseError::Unreachable(other.to_string()),
    }
}
