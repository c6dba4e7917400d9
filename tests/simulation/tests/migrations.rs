//! A migration is applied whole or not at all: if any statement fails, nothing of the file remains.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use longshore_simulation::sqlite::{index_migrations, migrations, statements_of};
use rusqlite::Connection;

/// A statement that fails on every database, in the middle of a transaction.
const BROKEN: &str = "INSERT INTO no_such_table VALUES (1)";

fn database() -> Connection {
    Connection::open_in_memory().unwrap()
}

/// Everything in a database except for the text of its rows.
fn schema(connection: &Connection) -> Vec<(String, String)> {
    let mut asked = connection.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name").unwrap();
    let rows = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Runs one batch as D1 does: a transaction that ends at its first error.
fn batch(connection: &Connection, statements: &[String]) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN")?;
    let ran = statements.iter().try_for_each(|sql| connection.execute_batch(sql));
    connection.execute_batch(if ran.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    ran
}

#[test]
fn no_part_of_a_migration_remains() {
    for migrations in [migrations(), index_migrations()] {
        no_part_remains_of(&migrations);
    }
}

fn no_part_remains_of(migrations: &[String]) {
    let connection = database();
    for migration in migrations {
        let before = schema(&connection);
        let statements = statements_of(migration);
        for count in 0..=statements.len() {
            let mut failing = statements[..count].to_vec();
            failing.push(BROKEN.to_owned());
            batch(&connection, &failing).unwrap_err();
            assert!(connection.is_autocommit(), "statement {count} ended the transaction by itself");
            assert_eq!(schema(&connection), before, "{count} statements, and then one that fails");
        }
        batch(&connection, &statements).unwrap();
        let after = schema(&connection);
        assert_ne!(after, before);
        batch(&connection, &statements).unwrap_err();
        assert_eq!(schema(&connection), after, "a second time");
    }
}

/// The statements are the whole file: run separately, they build the same schema as the whole text.
#[test]
fn the_statements_are_the_whole_file() {
    for migrations in [migrations(), index_migrations()] {
        let (whole, parts) = (database(), database());
        for migration in migrations {
            whole.execute_batch(&migration).unwrap();
            batch(&parts, &statements_of(&migration)).unwrap();
        }
        let names: Vec<_> = schema(&whole).into_iter().map(|(name, _)| name).collect();
        assert!(names.len() > 10, "{names:?}");
        assert_eq!(schema(&parts), schema(&whole));
    }
}
