//! The audit: triggers that record every change of a job's row, independent of the statement that makes it.

use std::sync::{Arc, Mutex, MutexGuard};

use longshore::ports::{Param, Statement};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::sim::oracle::row::{COLUMNS, Name, Row};

/// Change of one row by one statement.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) statement: &'static str,
    /// Lease token that the statement names, if any.
    pub(crate) token: Option<String>,
    pub(crate) name: Name,
    /// The row; `None` if it was deleted.
    pub(crate) new: Option<Row>,
}

type Noted = (Name, Option<Row>);

/// Rows recorded since the last statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit(Arc<Mutex<Vec<Noted>>>);

impl Audit {
    /// Installs the audit on a connection.
    pub(crate) fn install(connection: &Connection) -> rusqlite::Result<Self> {
        let audit = Self::default();
        let theirs = audit.clone();
        let arguments = i32::try_from(COLUMNS.len()).expect("few columns");
        connection.create_scalar_function("note_row", arguments, FunctionFlags::SQLITE_UTF8, move |context| {
            let row = Row::read(&|at| context.get_raw(at))?;
            theirs.noted().push((row.name(), Some(row)));
            Ok(0)
        })?;
        let theirs = audit.clone();
        connection.create_scalar_function("note_deleted", 2, FunctionFlags::SQLITE_UTF8, move |context| {
            theirs.noted().push(((context.get(0)?, context.get(1)?), None));
            Ok(0)
        })?;
        let row = COLUMNS.map(|column| format!("new.{column}")).join(", ");
        connection.execute_batch(&format!(
            "CREATE TEMP TRIGGER job_inserted AFTER INSERT ON main.jobs BEGIN SELECT note_row({row}); END;
            CREATE TEMP TRIGGER job_updated AFTER UPDATE ON main.jobs BEGIN SELECT note_row({row}); END;
            CREATE TEMP TRIGGER job_deleted AFTER DELETE ON main.jobs BEGIN
              SELECT note_deleted(old.tenant, old.id); END;"
        ))?;
        Ok(audit)
    }

    fn noted(&self) -> MutexGuard<'_, Vec<Noted>> {
        self.0.lock().unwrap()
    }

    /// Takes the changes of a statement.
    pub(crate) fn take(&self, statement: &Statement) -> Vec<Change> {
        let token = match (statement.name, statement.params.get(1)) {
            ("claim" | "settle" | "release_claim" | "heartbeat" | "add_late_outcomes", Some(Param::Text(token))) => {
                Some(token.clone())
            }
            _ => None,
        };
        let change = |(name, new)| Change { statement: statement.name, token: token.clone(), name, new };
        self.noted().drain(..).map(change).collect()
    }

    /// Forgets the recorded changes after a rollback.
    pub(crate) fn forget(&self) {
        self.noted().clear();
    }
}

/// Lists every table from the schema, so that a table added later is emptied and compared too.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Empties all tables for the next schedule, and resets the watermark.
pub(crate) fn reset(connection: &Connection, watermark: i64) -> rusqlite::Result<()> {
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?; // The schedule before this one panicked.
    }
    for table in tables(connection)? {
        connection.prepare_cached(&format!("DELETE FROM {table}"))?.execute([])?;
    }
    connection.execute("INSERT INTO meta (name, value) VALUES ('watermark', ?1)", [watermark]).map(|_| ())
}
