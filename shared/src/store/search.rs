//! The store of search: documents, chunks and the embedding cache, in a database of its own.

use crate::ports::{Clock, Database, DatabaseError, IndexDatabase, Rows, Statement};

/// A statement of the store of search from its file, as `sql!` is one of the ledger.
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

/// The store of search as a [`Database`], for all that is written for one.
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
