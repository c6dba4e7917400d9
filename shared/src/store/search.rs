//! The search database: documents, chunks and the embedding cache, separate from the database of jobs.

use crate::ports::{Clock, Database, DatabaseError, IndexDatabase, Rows, Statement};

/// Builds a statement of the search database from its file, as `sql!` does for the database of jobs.
macro_rules! index_sql {
    ($name:literal $(, $param:expr)* $(,)?) => {
        $crate::ports::Statement {
            name: $name,
            sql: include_str!(concat!(env!("OUT_DIR"), "/index/", $name, ".sql")),
            params: vec![$($crate::ports::Param::from($param)),*],
        }
    };
}
pub(crate) use index_sql;

/// The search database as a [`Database`], for functions that are written for any database.
pub(crate) struct Store<'a, W>(pub(crate) &'a W);

impl<W: IndexDatabase> Database for Store<'_, W> {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.0.index_batch(statements).await
    }

    fn size_bytes(&self) -> Option<i64> {
        None
    }
}

impl<W: Clock> Clock for Store<'_, W> {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    async fn sleep(&self, duration: std::time::Duration) {
        self.0.sleep(duration).await;
    }

    fn random(&self) -> u128 {
        self.0.random()
    }
}
