//! Histories: every batch that a schedule committed, with its time and answers, and the final content of the tables.
//! Another database runs the same batches and must give the same answers and the same end.

use longshore::ports::{Param, Rows, Statement};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::sim::engine::plan::Play;
use crate::sim::engine::schedule::{Failure, run_recorded};
use crate::sim::oracle::audit::tables;

/// Expression for the time in the shipped statements; on D1 no function can replace it.
const CLOCK: &str = "unixepoch('subsec')";
/// A batch that was committed.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) now_ms: i64,
    pub(crate) statements: Vec<Statement>,
    pub(crate) answers: Vec<Rows>,
}

/// One schedule as the database saw it.
#[derive(Debug)]
pub(crate) struct History {
    batches: Vec<Batch>,
    watermark: i64,
    tables: Vec<String>,
    shows: Vec<String>,
    end: Vec<Rows>,
}

/// Statements with their parameters, as D1's bridge takes them.
pub(crate) type Bound = Vec<(String, Vec<Value>)>;

impl History {
    /// Plays a schedule and returns its history.
    ///
    /// # Errors
    /// The first broken invariant.
    pub(crate) fn of(seed: u64) -> Result<Self, Failure> {
        run_recorded(&Play { seed, ..Play::default() })
    }

    pub(crate) fn new(connection: &Connection, watermark: i64, batches: Vec<Batch>) -> rusqlite::Result<Self> {
        let tables = tables(connection)?;
        let shows = tables.iter().map(|table| show(connection, table)).collect::<rusqlite::Result<Vec<_>>>()?;
        let read = |sql: &String| {
            connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Rows>>()
        };
        let end = shows.iter().map(read).collect::<rusqlite::Result<_>>()?;
        Ok(Self { batches, watermark, tables, shows, end })
    }

    /// Number of batches.
    pub(crate) fn len(&self) -> usize {
        self.batches.len()
    }

    /// All batches for an empty database with the same tables: first the watermark, then the history with its clock
    /// written out, then the queries of the end.
    pub(crate) fn replay(&self) -> Vec<Bound> {
        let plain = |sql: &str| (sql.to_owned(), Vec::new());
        let mut begin: Bound = self.tables.iter().map(|table| plain(&format!("DELETE FROM {table}"))).collect();
        begin.push(("INSERT INTO meta (name, value) VALUES ('watermark', ?1)".to_owned(), vec![json!(self.watermark)]));
        let batch = |batch: &Batch| batch.statements.iter().map(|statement| bound(statement, batch.now_ms)).collect();
        let end = self.shows.iter().map(|sql| plain(sql)).collect();
        [vec![begin], self.batches.iter().map(batch).collect(), vec![end]].concat()
    }

    /// Compares the answers of [`Self::replay`] with the recorded ones.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn compare(&self, answers: &[Vec<Rows>]) -> Result<(), String> {
        let [_, answers @ .., end] = answers else { return Err("no answers".into()) };
        for (number, (batch, theirs)) in self.batches.iter().zip(answers).enumerate() {
            for (at, statement) in batch.statements.iter().enumerate() {
                let (ours, theirs) = (&batch.answers[at], theirs.get(at));
                if theirs.is_none_or(|theirs| sorted(theirs) != sorted(ours)) {
                    return Err(format!("batch {number}, {}: {ours:?} here, {theirs:?} there", statement.name));
                }
            }
        }
        let differs = self.end.iter().zip(end).position(|(ours, theirs)| ours != theirs);
        match differs {
            Some(at) => Err(format!("{} end as {:?} here, {:?} there", self.tables[at], self.end[at], end[at])),
            None if answers.len() == self.batches.len() && end.len() == self.end.len() => Ok(()),
            None => Err(format!("{} of {} batches were answered", answers.len(), self.batches.len())),
        }
    }
}

/// Sorts rows: `RETURNING` promises no order.
fn sorted(rows: &Rows) -> Rows {
    let mut rows = rows.clone();
    rows.sort();
    rows
}

/// Returns a statement that reads every row of a table, in the order of its key.
fn show(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    let ask = |what: &str, from: &str| {
        let sql =
            format!("SELECT group_concat(name, {what}) FROM (SELECT name FROM pragma_table_info('{table}') {from})");
        connection.query_row(&sql, [], |row| row.get::<_, String>(0))
    };
    let (columns, key) = (ask("', '", "ORDER BY cid")?, ask("', '", "WHERE pk > 0 ORDER BY pk")?);
    Ok(format!("SELECT json_array({columns}) FROM {table} ORDER BY {key}"))
}

/// Returns a statement with `now_ms` for its clock. SQLite reads from these digits the same double that the clock
/// shows.
fn bound(statement: &Statement, now_ms: i64) -> (String, Vec<Value>) {
    let clock = format!("{}.{:03}", now_ms / 1_000, now_ms % 1_000);
    let value = |param: &Param| match param {
        Param::Text(text) => json!(text),
        Param::Number(number) => json!(number),
        Param::Null => Value::Null,
    };
    (statement.sql.replace(CLOCK, &clock), statement.params.iter().map(value).collect())
}
