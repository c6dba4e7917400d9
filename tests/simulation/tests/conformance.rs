//! The conformance suite on rusqlite: each case has separate databases and a separate clock.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "conformance/rotating.rs"]
mod rotating;

use std::cell::OnceCell;
use std::future::pending;
use std::time::Duration;

use longshore::ports::{Database, DatabaseError, IndexDatabase, Rows, Statement};
use longshore_conformance::{Stand, Store};
use longshore_simulation::sqlite::{SetClock, SqliteDatabase};

/// Start time 2026-11-02T08:30:00Z: within an hour, so that minutes more or less stay in it.
const START_MS: i64 = 1_793_608_200_000;

#[derive(Debug)]
struct Sqlite {
    ledger: SqliteDatabase,
    /// Search database, opened by the cases that use it.
    index: OnceCell<SqliteDatabase>,
}

impl Database for Sqlite {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.ledger.batch(statements).await
    }

    fn size_bytes(&self) -> Option<i64> {
        self.ledger.size_bytes()
    }
}

impl IndexDatabase for Sqlite {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let open = || SqliteDatabase::open_index(self.ledger.clock().clone()).unwrap();
        self.index.get_or_init(open).index_batch(statements).await
    }
}

impl Store for Sqlite {
    fn now_ms(&self) -> i64 {
        self.ledger.clock().now_ms()
    }

    async fn make_past(&self, _tenant: &str, ms: i64) {
        self.ledger.clock().set(self.ledger.clock().now_ms() + ms);
    }

    async fn sleep(&self, _duration: Duration) {
        pending::<()>().await;
    }
}

fn stand() -> Stand<Sqlite> {
    let ledger = SqliteDatabase::open(SetClock::at(START_MS)).unwrap();
    Stand::new(Sqlite { ledger, index: OnceCell::new() }, 7)
}

macro_rules! as_tests {
    ($($module:ident: $($case:ident),+ $(,)?;)+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $case() {
                longshore_conformance::$module::$case(&super::stand()).await;
            })+
        })+
    };
}

longshore_conformance::for_each_case!(as_tests);
