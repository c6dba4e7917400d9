//! Rusqlite databases in memory behind the core's ports: real migrations, numbers bound as doubles like on D1, and a
//! settable clock.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use longshore::ports::{Database, DatabaseError, IndexDatabase, Param, Rows, Statement};
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OpenFlags, PrepFlags, ToSql};

use longshore_kit::scratch::repository;

/// Most statements that stay prepared for direct queries of tests, which bypass the port.
const PREPARED_MAX: usize = 128;

/// A clock that a test moves, in milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct SetClock(Arc<AtomicI64>);

impl SetClock {
    /// A clock that shows `ms`.
    pub fn at(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    /// Current time of this clock.
    pub fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the time.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

/// Callback after each statement of a batch, inside the batch's transaction.
pub type AfterEach<'a> = &'a mut dyn FnMut(&Statement);

/// A prepared statement.
type Prepared = rusqlite::Statement<'static>;

/// An in-memory `SQLite` database behind the core's port.
#[derive(Debug)]
pub struct SqliteDatabase {
    /// Connection, leaked so that the prepared statements beside it may borrow it until the process ends.
    connection: &'static Connection,
    /// Prepared statements by the address of their static text. Hashing and comparing whole texts took a thirtieth of
    /// the simulation's time.
    prepared: RefCell<HashMap<*const str, Prepared>>,
    clock: SetClock,
    size: Cell<Option<i64>>,
    seen: RefCell<Option<Vec<Statement>>>,
}

impl SqliteDatabase {
    /// Opens a database with all migrations, whose `unixepoch('subsec')` shows `clock`.
    ///
    /// # Errors
    /// When a migration is not valid SQL.
    pub fn open(clock: SetClock) -> rusqlite::Result<Self> {
        Self::open_with(clock, &migrations())
    }

    /// Opens a search database with all its migrations and the same clock.
    ///
    /// # Errors
    /// When a migration is not valid SQL.
    pub fn open_index(clock: SetClock) -> rusqlite::Result<Self> {
        Self::open_with(clock, &index_migrations())
    }

    fn open_with(clock: SetClock, migrations: &[String]) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_in_memory_with_flags(flags)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
        // Without it, statements are planned again whenever a parameter changes.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.execute_batch("PRAGMA page_size = 4096; PRAGMA temp_store = MEMORY; PRAGMA synchronous = OFF;")?;
        let shown = clock.clone();
        // Deterministic: the clock does not move within one statement, as SQLite's own does not.
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function("unixepoch", 1, flags, move |context| {
            assert_eq!(context.get_raw(0).as_str()?, "subsec", "the only supported form");
            Ok(seconds(shown.now_ms()))
        })?;
        for migration in migrations {
            connection.execute_batch(migration)?;
        }
        let connection = Box::leak(Box::new(connection));
        Ok(Self { connection, prepared: RefCell::default(), clock, size: Cell::new(None), seen: RefCell::new(None) })
    }

    /// Clock that the statements see.
    pub fn clock(&self) -> &SetClock {
        &self.clock
    }

    /// Connection, for direct queries of tests that bypass the port.
    pub fn connection(&self) -> &Connection {
        self.connection
    }

    /// Makes the database report this size in bytes; `None` ends that.
    pub fn pretend_size(&self, bytes: Option<i64>) {
        self.size.set(bytes);
    }

    /// Starts recording statements, until [`Self::statements_seen`] takes them.
    pub fn remember_statements(&self) {
        *self.seen.borrow_mut() = Some(Vec::new());
    }

    /// Takes the statements recorded since [`Self::remember_statements`].
    pub fn statements_seen(&self) -> Vec<Statement> {
        self.seen.borrow_mut().take().unwrap_or_default()
    }

    /// Runs a batch in one transaction and calls `after_each` after each statement.
    ///
    /// # Errors
    /// `Refused`, when nothing was written.
    pub fn run(&self, statements: &[Statement], after_each: AfterEach<'_>) -> Result<Vec<Rows>, DatabaseError> {
        // A single statement is a transaction by itself; an explicit one would only cost a second journal.
        if let [_] = statements {
            return self.run_each(statements, after_each);
        }
        self.transact(statements, after_each, "COMMIT")
    }

    /// Returns what a batch would return, and rolls it back.
    ///
    /// # Errors
    /// `Refused`.
    pub fn rehearse(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.transact(statements, &mut |_| {}, "ROLLBACK")
    }

    fn run_seen(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        if let Some(seen) = self.seen.borrow_mut().as_mut() {
            seen.extend_from_slice(statements);
        }
        self.run(statements, &mut |_| {})
    }

    fn transact(
        &self,
        statements: &[Statement],
        after_each: AfterEach<'_>,
        end: &'static str,
    ) -> Result<Vec<Rows>, DatabaseError> {
        self.execute("BEGIN")?;
        let answers = self.run_each(statements, after_each);
        self.execute(if answers.is_err() { "ROLLBACK" } else { end })?;
        answers
    }

    fn execute(&self, sql: &'static str) -> Result<(), DatabaseError> {
        self.prepared(sql, |prepared| prepared.execute([])).map(drop).map_err(refused(sql))
    }

    fn run_each(&self, statements: &[Statement], after_each: AfterEach<'_>) -> Result<Vec<Rows>, DatabaseError> {
        let mut answers = Vec::with_capacity(statements.len());
        for statement in statements {
            let rows = self.prepared(statement.sql, |prepared| rows_of(prepared, &statement.params));
            answers.push(rows.map_err(refused(statement.name))?);
            after_each(statement);
        }
        Ok(answers)
    }

    /// Calls `run` with the prepared statement of this text, which is prepared on first use.
    fn prepared<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut Prepared) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut all = self.prepared.borrow_mut();
        let prepared = match all.entry(sql) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(self.connection.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?)
            }
        };
        let answer = run(prepared);
        // Values that stayed bound would hold memory that SQLite shares among all statements.
        prepared.clear_bindings();
        answer
    }
}

impl Database for SqliteDatabase {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.run_seen(statements)
    }

    fn size_bytes(&self) -> Option<i64> {
        let pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        self.size.get().or_else(|| self.connection.query_row(pages, [], |row| row.get(0)).ok())
    }
}

/// The search port, for a database opened with [`SqliteDatabase::open_index`].
impl IndexDatabase for SqliteDatabase {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.run_seen(statements)
    }
}

/// Text of every migration, in order.
pub fn migrations() -> Vec<String> {
    texts_in("migrations")
}

/// Text of every migration of the search database, in order.
pub fn index_migrations() -> Vec<String> {
    texts_in("migrations/index")
}

/// Texts of the files directly in a folder, in order.
fn texts_in(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repository().join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Splits a migration into its statements. No string in a migration has `;` at a line's end or `--` inside. The statements of a
/// trigger are part of it, up to the line `END;`.
pub fn statements_of(migration: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    for line in migration.lines() {
        let code = line.split("--").next().unwrap_or_default().trim_end();
        let Some(open) = statements.last_mut() else { continue };
        open.push_str(line);
        open.push('\n');
        let is_in_trigger = open.contains("CREATE TRIGGER") && code != "END;";
        if code.ends_with(';') && !is_in_trigger {
            statements.push(String::new());
        }
    }
    statements.pop_if(|rest| rest.trim().is_empty());
    statements
}

/// Converts milliseconds to seconds. Exact enough: below 2^53 a double keeps every millisecond, as in `SQLite` itself.
#[allow(clippy::cast_precision_loss)]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn refused(what: &str) -> impl Fn(rusqlite::Error) -> DatabaseError + '_ {
    move |error| DatabaseError::Refused(format!("{what}: {error}"))
}

struct Bound<'a>(&'a Param);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Param::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Param::Number(number) => ToSqlOutput::Owned(Value::Real(*number)),
            Param::Null => ToSqlOutput::Owned(Value::Null),
        })
    }
}

fn rows_of(prepared: &mut Prepared, params: &[Param]) -> rusqlite::Result<Rows> {
    let mut answer = prepared.query(rusqlite::params_from_iter(params.iter().map(Bound)))?;
    let mut rows = Rows::new();
    while let Some(row) = answer.next()? {
        rows.push(match row.get_ref(0)? {
            ValueRef::Text(text) => str::from_utf8(text)?.to_owned(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Null | ValueRef::Blob(_) => String::new(),
        });
    }
    Ok(rows)
}
