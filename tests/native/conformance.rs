//! The conformance suite on rusqlite: each case has a database and a clock of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::pending;
use std::time::Duration;

use longshore::ports::{Database, DatabaseError, Rows, Statement};
use longshore_tests::conformance::{self, Stand, Store};
use longshore_tests::sqlite::{SetClock, SqliteDatabase};

/// 2026-11-02T08:30:00Z: within an hour, so that minutes more or less stay in it.
const START_MS: i64 = 1_793_608_200_000;

#[derive(Debug)]
struct Sqlite(SqliteDatabase);

impl Database for Sqlite {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        self.0.batch(statements).await
    }

    fn size_bytes(&self) -> Option<i64> {
        self.0.size_bytes()
    }
}

impl Store for Sqlite {
    fn now_ms(&self) -> i64 {
        self.0.clock().now_ms()
    }

    async fn make_past(&self, _tenant: &str, ms: i64) {
        self.0.clock().set(self.0.clock().now_ms() + ms);
    }

    async fn sleep(&self, _duration: Duration) {
        pending::<()>().await;
    }
}

fn stand() -> Stand<Sqlite> {
    Stand::new(Sqlite(SqliteDatabase::open(SetClock::at(START_MS)).unwrap()), 7)
}

macro_rules! as_tests {
    ($($module:ident: $($case:ident),+ $(,)?;)+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $case() {
                super::conformance::$module::$case(&super::stand()).await;
            })+
        })+
    };
}

longshore_tests::for_each_case!(as_tests);
