//! A whole job row as the audit sees it, with the columns that the core's reading statements leave out.

use std::cell::Cell;
use std::sync::Arc;

use longshore::model::backoff::RetrySchedule;
use longshore::model::outcome::JobError;
use longshore::model::state::State;
use rusqlite::Result;
use rusqlite::types::{FromSql, ValueRef};
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_json::Value;

use crate::sim::oracle::objects;

/// Tenant and id of a job.
pub(crate) type Name = (String, String);

/// A row of the table `jobs`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) tenant: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) state: State,
    pub(crate) attempt: usize,
    pub(crate) failures: u32,
    pub(crate) crashes: i64,
    pub(crate) quarantined: u8,
    pub(crate) cancel_requested: u8,
    pub(crate) deferred: u8,
    pub(crate) run_after: i64,
    pub(crate) next_check_at: Option<i64>,
    pub(crate) lease_token: Option<String>,
    pub(crate) lease_until: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) deadline_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
    pub(crate) endpoint: String,
    pub(crate) event_id: Option<String>,
    pub(crate) max_attempts: u32,
    pub(crate) backoff: RetrySchedule,
    pub(crate) key: Option<String>,
    pub(crate) key_until: Option<i64>,
    pub(crate) digest: String,
    pub(crate) dead_state: Option<String>,
    pub(crate) dead_reason: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) replay_of: Option<String>,
    pub(crate) replayed_by: Option<String>,
    pub(crate) error: Option<JobError>,
    pub(crate) result: Option<Value>,
    pub(crate) group: Option<String>,
    pub(crate) schedule: Option<String>,
    pub(crate) scheduled_for: Option<i64>,
    /// Subject in its metadata.
    pub(crate) subject: Option<String>,
    pub(crate) payload_bytes: Option<i64>,
    /// Inline part of the payload.
    pub(crate) payload: Option<Arc<str>>,
    pub(crate) marker: Option<i64>,
    pub(crate) has_payload: bool,
    /// Attempts, one entry each; see [`Row::read_log`].
    pub(crate) log: Arc<Vec<Value>>,
    log_text: String,
}

impl Row {
    pub(crate) fn event_id(&self) -> &str {
        self.event_id.as_deref().unwrap_or(&self.id)
    }

    pub(crate) fn name(&self) -> Name {
        (self.tenant.clone(), self.id.clone())
    }

    /// Returns true if both rows are equal except for their logs.
    pub(crate) fn is_like(&self, other: &Row) -> bool {
        let alone = |row: &Row| Row { log: Arc::default(), log_text: String::new(), ..row.clone() };
        alone(self) == alone(other)
    }

    /// Parses the log, unless it is that of the row before: most changes do not touch it.
    pub(crate) fn read_log(&mut self, before: Option<&Row>) {
        self.log = match before {
            Some(before) if before.log_text == self.log_text => before.log.clone(),
            _ => Arc::new(serde_json::from_str(&self.log_text).expect("the schema demands JSON")),
        };
    }
}

/// Payload that clients of the simulation send.
#[derive(Deserialize)]
struct Payload {
    /// Body; absent if it is large.
    body: Option<Body>,
}

#[derive(Deserialize)]
struct Metadata {
    subject: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    /// Absent in the event of a finished group.
    n: Option<i64>,
}

/// Columns of a row, in the order in which [`Row::read`] takes them.
pub(crate) const COLUMNS: [&str; 38] = [
    "tenant",
    "id",
    "kind",
    "state",
    "attempt",
    "failures",
    "crashes",
    "quarantined",
    "cancel_requested",
    "deferred",
    "run_after",
    "next_check_at",
    "lease_token",
    "lease_until",
    "created_at",
    "deadline_at",
    "finished_at",
    "endpoint",
    "event_id",
    "max_attempts",
    "backoff",
    "idempotency_key",
    "key_until",
    "digest",
    "dead_state",
    "dead_reason",
    "cause",
    "replay_of",
    "replayed_by",
    "error",
    "result",
    "job_group",
    "schedule",
    "scheduled_for",
    "metadata",
    "payload_bytes",
    "payload",
    "log",
];

impl Row {
    /// Reads a row without parsing its log.
    pub(crate) fn read<'a>(get: &dyn Fn(usize) -> ValueRef<'a>) -> Result<Self> {
        let next = Cell::new(0);
        let get = || get(next.replace(next.get() + 1));
        let mut row = Self {
            tenant: value(get())?,
            id: value(get())?,
            kind: value(get())?,
            state: named(get())?,
            attempt: value::<u32>(get())? as usize,
            failures: value(get())?,
            crashes: value(get())?,
            quarantined: value(get())?,
            cancel_requested: value(get())?,
            deferred: value(get())?,
            run_after: value(get())?,
            next_check_at: value(get())?,
            lease_token: value(get())?,
            lease_until: value(get())?,
            created_at: value(get())?,
            deadline_at: value(get())?,
            finished_at: value(get())?,
            endpoint: value(get())?,
            event_id: value(get())?,
            max_attempts: value(get())?,
            backoff: named(get())?,
            key: value(get())?,
            key_until: value(get())?,
            digest: value(get())?,
            dead_state: value(get())?,
            dead_reason: value(get())?,
            cause: value(get())?,
            replay_of: value(get())?,
            replayed_by: value(get())?,
            error: json(get())?,
            result: json(get())?,
            group: value(get())?,
            schedule: value(get())?,
            scheduled_for: value(get())?,
            subject: json::<Metadata>(get())?.and_then(|metadata| metadata.subject),
            payload_bytes: value(get())?,
            payload: None,
            marker: None,
            has_payload: false,
            log: Arc::default(),
            log_text: String::new(),
        };
        row.payload = value::<Option<Arc<str>>>(get())?;
        let payload: Option<Payload> = row.payload.as_deref().map(parsed).transpose()?;
        row.has_payload = payload.is_some() || row.payload_bytes.is_some();
        row.marker = match payload.and_then(|payload| payload.body) {
            Some(body) => body.n,
            None => row.group.as_deref().and_then(objects::marker_of),
        };
        row.log_text = value(get())?;
        Ok(row)
    }
}

fn value<T: FromSql>(column: ValueRef<'_>) -> Result<T> {
    T::column_result(column).map_err(rusqlite::Error::from)
}

fn named<T: DeserializeOwned>(column: ValueRef<'_>) -> Result<T> {
    let name: StrDeserializer<'_, serde_json::Error> = column.as_str()?.into_deserializer();
    T::deserialize(name).map_err(|_| rusqlite::Error::InvalidQuery)
}

fn json<T: DeserializeOwned>(column: ValueRef<'_>) -> Result<Option<T>> {
    column.as_str_or_null()?.map(parsed).transpose()
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| rusqlite::Error::InvalidQuery)
}
