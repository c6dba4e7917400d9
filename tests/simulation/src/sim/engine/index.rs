//! The search database: a second database under the same faults, in the schedules that use it, and the checks of its
//! content.

use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore::ports::{DatabaseError, IndexDatabase, Rows, Statement};
use longshore::search::chunk::embedded;
use longshore::search::words::indexed;
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use crate::sim::actors::providers;
use crate::sim::bugs::sabotage::Switch;
use crate::sim::engine::ports::Node;
use crate::sim::engine::schedule::START_MS;
use crate::sim::engine::world::World;
use crate::sqlite::{SetClock, SqliteDatabase};
use longshore_stand_ins::provider::floats;

/// One of the two databases of the world.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base {
    Ledger,
    Index,
}

thread_local! {
    /// One per thread, opened only by threads whose schedules use it.
    static INDEX: Rc<SqliteDatabase> = Rc::new(SqliteDatabase::open_index(SetClock::at(START_MS)).unwrap());
}

impl World {
    /// Runs a batch of a Worker of that epoch on a database, at this moment.
    pub(crate) fn run(&self, base: Base, statements: &[Statement], epoch: usize) -> Result<Vec<Rows>, DatabaseError> {
        if matches!(base, Base::Ledger) {
            return self.run_batch(statements, epoch);
        }
        let answer = self.index().run(statements, &mut |_| {});
        let name = statements.first().map_or("", |statement| statement.name);
        self.trace.note(self.now(), name, || format!("{answer:?}"));
        if let Err(error) = &answer {
            self.invariants.borrow_mut().violated(format!("the search database refused {name}: {error}"));
        }
        if let Err(text) = judge_moment(self) {
            self.invariants.borrow_mut().violated(format!("{text} after {name}"));
        }
        answer
    }

    /// Returns what a batch would return if it were committed.
    pub(crate) fn rehearse(&self, base: Base, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        match base {
            Base::Ledger => self.rehearse_batch(statements),
            Base::Index => self.index().rehearse(statements),
        }
    }

    /// Search database with its clock set to now; it is emptied when a schedule first uses it.
    pub(crate) fn index(&self) -> &SqliteDatabase {
        let index = self.index.get_or_init(|| {
            let index = INDEX.with(Clone::clone);
            reset(index.connection()).unwrap();
            index
        });
        index.clock().set(self.now());
        index
    }
}

impl IndexDatabase for Node {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let mut statements = statements.to_vec();
        self.plant(&mut statements);
        if self.world.has(Switch::SplitsDocuments) {
            return self.batch_each(Base::Index, statements).await;
        }
        self.batch_once(Base::Index, statements).await
    }
}

/// A document as an index shows it.
#[derive(Debug, PartialEq)]
pub(crate) struct Shown {
    /// Chunk limit of the index version.
    pub(crate) chars_max: usize,
    pub(crate) text: String,
    pub(crate) source: String,
    pub(crate) hash: String,
    /// Hash of the text that its chunks are made from.
    pub(crate) chunked: String,
    pub(crate) metadata: Value,
    pub(crate) is_deleted: bool,
    /// Names of its chunks, and their ranges in the text.
    pub(crate) layout: Vec<(String, usize, usize)>,
    /// Chunks with their names, headings and texts.
    pub(crate) chunks: BTreeSet<(String, String, String)>,
}

/// Reads the current version of a document and its content; `None` if it never existed.
pub(crate) fn read_shown(world: &World, tenant: &str, document: &str) -> Result<Option<(String, Shown)>, String> {
    let sql = "SELECT d.version, json_object('chars', g.chunk_chars, 'text', d.text, 'source', d.source, 'hash', d.hash, 'metadata', json(d.metadata)),
          d.deleted, coalesce(l.hash, ''), coalesce(l.chunks, '[]'),
          (SELECT json_group_array(json_array(c.hash, coalesce(w.heading, 'no words'), coalesce(w.text, '')))
            FROM chunks c LEFT JOIN words w ON w.rowid = c.seq
            WHERE c.index_version = i.serving AND c.document = d.id)
        FROM indexes i JOIN documents d ON d.index_id = i.id JOIN index_versions g ON g.id = i.serving
        LEFT JOIN layouts l ON l.index_version = i.serving AND l.document = d.id
        WHERE i.tenant = ?1 AND d.id = ?2";
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(String, Shown)> {
        let json = |at| row.get::<_, String>(at);
        let head: Value = serde_json::from_str(&json(1)?).unwrap();
        let text = |field: &str| head[field].as_str().unwrap_or_default().to_owned();
        let shown = Shown {
            chars_max: usize::try_from(head["chars"].as_u64().unwrap_or(0)).unwrap(),
            text: text("text"),
            source: text("source"),
            hash: text("hash"),
            chunked: row.get(3)?,
            metadata: head["metadata"].clone(),
            is_deleted: row.get(2)?,
            layout: serde_json::from_str(&json(4)?).unwrap(),
            chunks: serde_json::from_str(&json(5)?).unwrap(),
        };
        Ok((row.get(0)?, shown))
    };
    let mut question = world.index().connection().prepare_cached(sql).map_err(|error| error.to_string())?;
    question.query_row([tenant, document], read).optional().map_err(|error| error.to_string())
}

/// Checks F61: at every moment the searched index version has each current document, complete, and no deleted one.
fn judge_moment(world: &World) -> Result<(), String> {
    let wrong = "SELECT group_concat(d.id || ' ' || d.version) FROM indexes i JOIN documents d ON d.index_id = i.id
        LEFT JOIN layouts l ON l.index_version = i.serving AND l.document = d.id
        WHERE iif(d.deleted, coalesce(l.hash, '') <> '', l.hash IS NOT d.hash)
          OR (SELECT json_group_array(hash) FROM (SELECT c.hash FROM chunks c
              WHERE c.index_version = i.serving AND c.document = d.id ORDER BY c.hash))
            <> (SELECT json_group_array(hash) FROM (SELECT DISTINCT j.value ->> 0 AS hash
              FROM json_each(coalesce(l.chunks, '[]')) j ORDER BY hash))";
    let mut question = world.index().connection().prepare_cached(wrong).map_err(|error| error.to_string())?;
    let wrong: Option<String> = question.query_row([], |row| row.get(0)).map_err(|error| error.to_string())?;
    wrong.map_or(Ok(()), |wrong| Err(format!("F61: the search index differs from the documents {wrong}")))
}

/// Checks F56: every stored row belongs to a document, each chunk is counted, and its vector is that of its text.
/// Returns true if there is a segment.
pub(crate) fn judge_rest(world: &World) -> Result<bool, String> {
    let connection = world.index().connection();
    let wrong = "SELECT (SELECT count(*) FROM index_versions g
          WHERE g.chunks <> (SELECT count(*) FROM chunks c WHERE c.index_version = g.id))
        + (SELECT count(*) FROM words w WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.seq = w.rowid))";
    let number = |sql: &str| connection.prepare_cached(sql).unwrap().query_row([], |row| row.get::<_, i64>(0)).unwrap();
    if number(wrong) > 0 {
        return Err("F56: chunks that are not counted, or words without a chunk".into());
    }
    if number("SELECT count(*) FROM indexes WHERE building IS NOT NULL") > 0 {
        return Err("F61: a new index version is never searched".into());
    }
    // The verification has already compared the vectors of `builtin`.
    let vectors = "SELECT w.heading, w.text, c.vector, w.heading_words, w.text_words, g.provider FROM index_versions g
        JOIN chunks c ON c.index_version = g.id JOIN words w ON w.rowid = c.seq";
    let mut question = connection.prepare_cached(vectors).unwrap();
    let mut rows = question.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let text = |at| row.get::<_, String>(at).unwrap();
        if [text(3), text(4)] != [indexed(&text(0)), indexed(&text(1))] {
            return Err(format!("F81: {:?} has the words of another text", text(1)));
        }
        let (said, vector) = (embedded(&text(0), &text(1)), STANDARD.decode(text(2)).unwrap_or_default());
        if text(5) != "builtin" && floats(&vector) != providers::vector_of(&said) {
            return Err(format!("F56: {said:?} has the vector of another text"));
        }
    }
    Ok(number("SELECT count(segment) FROM index_versions") > 0)
}

/// Empties all tables, except for the one row that the migrations insert.
pub fn reset(connection: &Connection) -> rusqlite::Result<()> {
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?; // The schedule before this one panicked.
    }
    // Excludes the shadow tables that a virtual table keeps.
    let tables = "SELECT group_concat('DELETE FROM ' || name, ';') FROM pragma_table_list
        WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite_%'";
    let deletes: String = connection.query_row(tables, [], |row| row.get(0))?;
    connection.execute_batch(&deletes)?;
    connection.execute_batch("INSERT INTO counter (seq) VALUES (0)")
}
