//! The audit: triggers that note every change of a job's row, whichever statement makes it.

use longshore::ports::{Param, Statement};
use rusqlite::Connection;

use super::row::{COLUMNS, Row};

/// One row before and after one statement.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) statement: &'static str,
    /// The lease token that the statement named, if it names one.
    pub(super) token: Option<String>,
    pub(super) old: Option<Row>,
    pub(super) new: Option<Row>,
}

/// Sets up the audit on a connection.
pub(super) fn install(connection: &Connection) -> rusqlite::Result<()> {
    let (old, new) = (COLUMNS.replace('@', "old"), COLUMNS.replace('@', "new"));
    connection.execute_batch(&format!(
        "CREATE TEMP TABLE changes (old TEXT, new TEXT);
        CREATE TEMP TRIGGER job_inserted AFTER INSERT ON main.jobs BEGIN
          INSERT INTO changes VALUES (NULL, {new}); END;
        CREATE TEMP TRIGGER job_updated AFTER UPDATE ON main.jobs BEGIN
          INSERT INTO changes VALUES ({old}, {new}); END;
        CREATE TEMP TRIGGER job_deleted AFTER DELETE ON main.jobs BEGIN
          INSERT INTO changes VALUES ({old}, NULL); END;"
    ))
}

/// Empties all tables for the next schedule, and begins the mark anew.
pub(super) fn reset(connection: &Connection, mark: i64) -> rusqlite::Result<()> {
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?; // A panic of the schedule before this one.
    }
    connection.execute_batch(
        "DELETE FROM jobs; DELETE FROM endpoints; DELETE FROM api_keys; DELETE FROM tenant_hours; DELETE FROM strays;
        DELETE FROM meta; DELETE FROM temp.changes;",
    )?;
    connection.execute("INSERT INTO meta (name, value) VALUES ('mark', ?1)", [mark]).map(|_| ())
}

/// Takes what changed since the last call.
pub(super) fn take(connection: &Connection, statement: &Statement) -> rusqlite::Result<Vec<Change>> {
    let token = match (statement.name, statement.params.get(1)) {
        ("claim" | "settle" | "hand_back" | "heartbeat", Some(Param::Text(token))) => Some(token.clone()),
        _ => None,
    };
    let mut changes = Vec::new();
    let mut select = connection.prepare_cached("SELECT old, new FROM temp.changes ORDER BY rowid")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let read = |column: usize| -> rusqlite::Result<Option<Row>> {
            let text: Option<String> = row.get(column)?;
            Ok(text.map(|text| serde_json::from_str(&text).expect("the audit reads its own rows")))
        };
        changes.push(Change { statement: statement.name, token: token.clone(), old: read(0)?, new: read(1)? });
    }
    drop(rows);
    if !changes.is_empty() {
        connection.prepare_cached("DELETE FROM temp.changes")?.execute([])?;
    }
    Ok(changes)
}
