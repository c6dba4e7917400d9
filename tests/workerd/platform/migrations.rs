//! Migrations on real D1: applied whole or not at all, and once.

use longshore_kit::runner::{Binding, Options, Runner, RunnerError};
use longshore_kit::scratch::{Scratch, repository};
use longshore_simulation::sqlite::{index_migrations, migrations, statements_of};
use serde_json::{Value, json};

/// Content of a database without D1's own tables, and the local runner's record of migrations.
async fn holdings(runner: &Runner, database: Binding) -> Value {
    let schema = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%'
        AND name <> 'd1_migrations' ORDER BY name";
    let schema = runner.rows(database, schema, vec![]).await.unwrap();
    let applied = "SELECT id, name, applied_at FROM d1_migrations";
    let applied = runner.rows(database, applied, vec![]).await.unwrap();
    json!({"schema": schema, "applied": applied})
}

async fn watermark(runner: &Runner) -> Value {
    json!(runner.query("SELECT name, value FROM meta", vec![]).await.unwrap())
}

/// Drops all tables except the record of applied migrations. Shadow tables are dropped with their virtual table.
async fn empty(runner: &Runner, database: Binding) {
    let tables = "SELECT name FROM sqlite_schema AS made WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
        AND name NOT LIKE '_cf_%' AND name <> 'd1_migrations' AND NOT EXISTS (SELECT 1 FROM sqlite_schema AS kept
          WHERE kept.sql LIKE 'CREATE VIRTUAL TABLE%' AND made.name LIKE kept.name || '_%')";
    let tables = runner.rows(database, tables, vec![]).await.unwrap();
    let drops: Vec<_> = tables.iter().map(|table| format!("DROP TABLE {}", table["name"].as_str().unwrap())).collect();
    runner.batch(database, &batch(&drops)).await.unwrap();
}

fn batch(statements: &[String]) -> Vec<(&str, Vec<Value>)> {
    statements.iter().map(|sql| (sql.as_str(), vec![])).collect()
}

#[tokio::test]
async fn no_part_of_a_migration_remains_on_d1() {
    let scratch = Scratch::new("migration-parts").unwrap();
    let runner = Runner::start(Options::at(scratch.path().join("state"))).await.unwrap();
    for (database, migrations) in [(Binding::Ledger, migrations()), (Binding::Index, index_migrations())] {
        no_part_remains_of(&migrations, &runner, database).await;
    }
    assert_ne!(holdings(&runner, Binding::Ledger).await, holdings(&runner, Binding::Index).await, "two databases");
    runner.stop().await.unwrap();
}

async fn no_part_remains_of(migrations: &[String], runner: &Runner, database: Binding) {
    empty(runner, database).await;
    let before = holdings(runner, database).await;
    assert_eq!(before["schema"], json!([]));
    let statements: Vec<_> = migrations.iter().flat_map(|text| statements_of(text)).collect();
    for count in 0..=statements.len() {
        let mut failing = statements[..count].to_vec();
        failing.push("INSERT INTO no_such_table VALUES (1)".to_owned());
        let refused = runner.batch(database, &batch(&failing)).await.map(|_| ()).unwrap_err();
        assert!(matches!(&refused, RunnerError::Refused(text) if text.contains("no_such_table")), "{refused}");
        assert_eq!(holdings(runner, database).await, before, "{count} statements, and then one that fails");
    }
    runner.batch(database, &batch(&statements)).await.unwrap();
    assert_ne!(holdings(runner, database).await, before);
}

#[tokio::test]
async fn a_migration_is_applied_once_and_a_broken_one_not_at_all() {
    for (database, folder, count) in
        [(Binding::Ledger, "", migrations().len()), (Binding::Index, "index", index_migrations().len())]
    {
        applied_once(database, folder, count).await;
    }
}

/// Checks that a database has `count` migrations from this folder, each applied once.
async fn applied_once(database: Binding, folder: &str, count: usize) {
    let scratch = Scratch::new("migration-once").unwrap();
    let state = scratch.path().join("state");
    let runner = Runner::start(Options::at(&state)).await.unwrap();
    let (before, begun) = (holdings(&runner, database).await, watermark(&runner).await);
    assert_eq!(before["applied"].as_array().map(Vec::len), Some(count));
    runner.stop().await.unwrap();

    // Beside the applied ones, a migration that fails at its third statement.
    let broken = scratch.path().join("migrations");
    for from in ["", "index"] {
        std::fs::create_dir(broken.join(from)).unwrap();
        let files = std::fs::read_dir(repository().join("migrations").join(from)).unwrap();
        for file in files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            std::fs::copy(&file, broken.join(from).join(file.file_name().unwrap())).unwrap();
        }
    }
    let text = "CREATE TABLE extra (id TEXT);\nINSERT INTO extra VALUES ('a');\nINSERT INTO nothing VALUES (1);\n";
    std::fs::write(broken.join(folder).join("9999_broken.sql"), text).unwrap();
    let options = Options { migrations: Some(broken), ..Options::at(&state) };
    let refused = Runner::start(options).await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("a migration failed") && refused.contains("nothing"), "{refused}");

    let runner = Runner::start(Options::at(&state)).await.unwrap();
    assert_eq!(holdings(&runner, database).await, before);
    assert_eq!(watermark(&runner).await, begun, "the watermark was set once");
    runner.stop().await.unwrap();
}
