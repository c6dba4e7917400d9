//! The stores on rusqlite, in memory: the migrations as they are, doubles bound as D1 binds them, and a clock of ours.

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

/// Statements that stay prepared of those that a test asks beside the port.
const PREPARED_MAX: usize = 128;

/// A clock that a test moves, in milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct SetClock(Arc<AtomicI64>);

impl SetClock {
    /// A clock that stands at `ms`.
    pub fn at(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    /// What it shows.
    pub fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

/// What is called after each statement of a batch, inside its transaction.
pub type AfterEach<'a> = &'a mut dyn FnMut(&Statement);

/// A statement that is ready to run.
type Prepared = rusqlite::Statement<'static>;

/// `SQLite` in memory behind the core's own port.
#[derive(Debug)]
pub struct SqliteDatabase {
    /// It stays until the process ends, so that prepared statements can be kept beside it.
    connection: &'static Connection,
    /// By where the text lies, which is for ever: to hash and compare whole texts took a thirtieth of the simulation.
    prepared: RefCell<HashMap<*const str, Prepared>>,
    clock: SetClock,
    size: Cell<Option<i64>>,
    seen: RefCell<Option<Vec<Statement>>>,
}

impl SqliteDatabase {
    /// A database with all migrations, whose `unixepoch('subsec')` is `clock`.
    ///
    /// # Errors
    /// When a migration is no SQL.
    pub fn open(clock: SetClock) -> rusqlite::Result<Self> {
        Self::open_with(clock, &migrations())
    }

    /// The store of search, whose clock is the same.
    ///
    /// # Errors
    /// When a migration is no SQL.
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
        // Deterministic: within one statement the clock stands still, as SQLite's own does.
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function("unixepoch", 1, flags, move |context| {
            assert_eq!(context.get_raw(0).as_str()?, "subsec", "the only form in use");
            Ok(seconds(shown.now_ms()))
        })?;
        for migration in migrations {
            connection.execute_batch(migration)?;
        }
        let connection = Box::leak(Box::new(connection));
        Ok(Self { connection, prepared: RefCell::default(), clock, size: Cell::new(None), seen: RefCell::new(None) })
    }

    /// The clock that its statements see.
    pub fn clock(&self) -> &SetClock {
        &self.clock
    }

    /// The connection, for what a test asks beside the port.
    pub fn connection(&self) -> &Connection {
        self.connection
    }

    /// From now on the database says that it has this many bytes.
    pub fn pretend_size(&self, bytes: Option<i64>) {
        self.size.set(bytes);
    }

    /// From now on statements are remembered, until [`Self::statements_seen`] takes them.
    pub fn remember_statements(&self) {
        *self.seen.borrow_mut() = Some(Vec::new());
    }

    /// The statements since [`Self::remember_statements`].
    pub fn statements_seen(&self) -> Vec<Statement> {
        self.seen.borrow_mut().take().unwrap_or_default()
    }

    /// Runs a batch in one transaction; `after_each` is told of each statement that was run.
    ///
    /// # Errors
    /// `Refused`, and then nothing was written.
    pub fn run(&self, statements: &[Statement], after_each: AfterEach<'_>) -> Result<Vec<Rows>, DatabaseError> {
        // One statement is a transaction by itself, and needs no journal of its own within another.
        if let [_] = statements {
            return self.run_each(statements, after_each);
        }
        self.transact(statements, after_each, "COMMIT")
    }

    /// Answers what a batch would answer, and takes it back.
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
        self.say("BEGIN")?;
        let answers = self.run_each(statements, after_each);
        self.say(if answers.is_err() { "ROLLBACK" } else { end })?;
        answers
    }

    fn say(&self, sql: &'static str) -> Result<(), DatabaseError> {
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

    /// Uses a statement, which is prepared the first time.
    fn prepared<T>(
        &self,
        sql: &'static str,
        uses: impl FnOnce(&mut Prepared) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut all = self.prepared.borrow_mut();
        let prepared = match all.entry(sql) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(self.connection.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?)
            }
        };
        let answer = uses(prepared);
        // Values that stayed bound would hold the memory that SQLite sets aside for all statements together.
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

/// For one that [`SqliteDatabase::open_index`] has opened.
impl IndexDatabase for SqliteDatabase {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.run_seen(statements)
    }
}

/// The text of every migration, in order.
pub fn migrations() -> Vec<String> {
    texts_in("migrations")
}

/// The text of every migration of the store of search, in order.
pub fn index_migrations() -> Vec<String> {
    texts_in("migrations/index")
}

/// The files of a folder itself, in order.
fn texts_in(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repository().join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// The statements of a migration, one by one. No text in a migration has `;` at a line's end or `--` inside.
pub fn statements_of(migration: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    for line in migration.lines() {
        let code = line.split("--").next().unwrap_or_default().trim_end();
        let Some(open) = statements.last_mut() else { continue };
        open.push_str(line);
        open.push('\n');
        if code.ends_with(';') {
            statements.push(String::new());
        }
    }
    statements.pop_if(|rest| rest.trim().is_empty());
    statements
}

/// Exact enough: below 2^53 a double keeps every millisecond, as it does in `SQLite` itself.
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
