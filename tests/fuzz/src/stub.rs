//! Environment of the properties: a fixed clock, fixed random bits, and a store that returns prepared rows.

use std::cell::RefCell;
use std::future::pending;
use std::time::Duration;

use longshore::model::claimed::{Claimed, ClaimedEndpoint};
use longshore::ports::{BlobError, Blobs, Clock, Database, DatabaseError, IndexDatabase, Rows, Statement};
use longshore::security::keyring::Keyring;
use longshore::security::seal::seal;
use longshore::security::signing::SealedSecret;
use longshore::settings::Settings;
use longshore::store::secrets;
use longshore::store::secrets::Owner;
use longshore::wire::problem::Problem;

/// Time of the fixed clock, 2026-11-02T08:30:00Z.
pub const NOW_MS: i64 = 1_793_608_200_000;

/// Environment with a fixed clock and prepared answers.
#[derive(Debug, Default)]
pub struct Stub {
    /// Rows that either store returns for a statement of that name.
    pub answers: RefCell<Vec<(&'static str, Rows)>>,
    /// Statements that the stores received.
    pub seen: RefCell<Vec<Statement>>,
    /// Bytes of every object.
    pub object: Vec<u8>,
}

impl Clock for Stub {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }

    async fn sleep(&self, _duration: Duration) {
        pending::<()>().await;
    }

    fn random(&self) -> u128 {
        0x0123_4567_89ab_cdef_0011_2233_4455_6677
    }
}

impl Database for Stub {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let known = self.answers.borrow();
        let answer = |name| known.iter().find(|(known, _)| *known == name).map(|(_, rows)| rows.clone());
        let answers = statements.iter().map(|statement| answer(statement.name).unwrap_or_default()).collect();
        self.seen.borrow_mut().extend_from_slice(statements);
        Ok(answers)
    }

    fn size_bytes(&self) -> Option<i64> {
        None
    }
}

impl IndexDatabase for Stub {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.batch(statements).await
    }
}

impl Blobs for Stub {
    async fn put(&self, _key: &str, _bytes: &[u8]) -> Result<(), BlobError> {
        Ok(())
    }

    async fn get(&self, _key: &str) -> Result<Option<Vec<u8>>, BlobError> {
        Ok(Some(self.object.clone()))
    }

    async fn get_range(&self, _key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let part = |value| usize::try_from(value).unwrap_or(usize::MAX).min(self.object.len());
        let end = part(offset.saturating_add(length));
        Ok(Some(self.object[part(offset).min(end)..end].to_vec()))
    }

    async fn get_tagged(&self, _key: &str) -> Result<Option<(Vec<u8>, String)>, BlobError> {
        Ok(None)
    }

    async fn put_tagged(&self, _key: &str, _bytes: &[u8], _tag: &str) -> Result<bool, BlobError> {
        Ok(true)
    }

    async fn list(&self, _prefix: &str, _after: Option<&str>, _limit: u32) -> Result<Vec<String>, BlobError> {
        Ok(Vec::new())
    }

    async fn delete(&self, _keys: &[String]) -> Result<(), BlobError> {
        Ok(())
    }
}

/// Returns the settings of a public deployment: no private destinations.
pub fn settings() -> Settings {
    Settings::parse(|name| (name == "MASTER_KEY").then(|| "ab".repeat(32))).unwrap()
}

/// Returns the keys of [`settings`].
pub fn keys() -> Keyring {
    settings().keys
}

/// Returns a stored signing secret of an endpoint of tenant `acme`.
fn sealed_secret(endpoint: &str) -> SealedSecret {
    let place = secrets::place(Owner { tenant: "acme", endpoint });
    SealedSecret { secret_version: 1, sealed: seal(&keys(), place, [7; 12], &[7; 32]) }
}

/// Returns a claimed job of tenant `acme`.
pub fn claimed(payload: &str, endpoint: Option<ClaimedEndpoint>) -> Claimed {
    Claimed {
        tenant: "acme".into(),
        id: longshore::model::job::mint_id(NOW_MS, 1),
        kind: "webhook".into(),
        endpoint_id: "orders".into(),
        group: None,
        counted: 0,
        event_id: None,
        attempt: 1,
        failures: 0,
        quarantined: 0,
        max_attempts: 3,
        backoff: longshore::model::backoff::RetrySchedule::Fast,
        deadline_at: None,
        due_at: NOW_MS,
        lease: std::rc::Rc::default(),
        opened: std::rc::Rc::default(),
        lease_until: NOW_MS,
        now: NOW_MS,
        payload: Some(payload.to_owned()),
        payload_bytes: None,
        traceparent: None,
        tracestate: None,
        hops: 0,
        secrets: vec![sealed_secret("orders")],
        endpoint,
    }
}

/// Checks a refusal: its status is 4xx, and each field error has a pointer. Returns false: the reader accepted nothing.
pub fn is_the_callers(problem: &Problem) -> bool {
    assert!((400..500).contains(&problem.status()), "{problem:?}");
    assert!(!matches!(problem, Problem::InvalidRequest(fields) if fields.is_empty()), "{problem:?}");
    assert!(problem.errors().iter().all(|field| field.pointer.starts_with('#')), "{problem:?}");
    false
}
