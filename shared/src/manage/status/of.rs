//! Everything that a status follows from: the rows of the database, the settings, and what the platform reports.

use serde::Serialize;

use super::growth::Growth;
use super::read::StatusRead;
use crate::settings::Settings;
use crate::wire::daily_limit::DailyLimit;
use crate::wire::time::Time;

/// Backlog of a queue, as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct QueueBacklog {
    /// Name of the queue's binding.
    pub queue: &'static str,
    /// Number of messages.
    pub messages: i64,
    /// Bytes of the messages.
    pub bytes: i64,
    /// Time of the oldest message.
    pub oldest_at: Option<Time>,
}

/// Size of the database of jobs.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Storage {
    /// Size; null if the platform does not report it.
    pub(super) bytes: Option<i64>,
    /// Maximum of the plan.
    pub(super) bytes_max: i64,
    /// Percentage of the maximum that is used.
    pub(super) percent: Option<i64>,
    /// True if new jobs are refused.
    pub(super) full: bool,
    /// Days until new jobs are refused, at the growth of the last one or two days; null if it does not grow or the growth is
    /// unknown.
    pub(super) days_until_full: Option<i64>,
}

/// Everything that a status follows from.
#[derive(Debug, Clone, Copy)]
pub struct StatusOf<'a> {
    /// Rows of the database.
    pub read: &'a StatusRead,
    /// Settings of the deployment.
    pub settings: &'a Settings,
    /// Tenant of the caller; `None` for all.
    pub tenant: Option<&'a str>,
    /// Daily limit that is used up.
    pub spent: Option<DailyLimit>,
    /// Backlog of each queue, if the platform reports it.
    pub queues: Option<&'a [QueueBacklog]>,
}

impl StatusOf<'_> {
    /// Measures the storage.
    pub(super) fn storage(&self) -> Storage {
        let (bytes, bytes_max) = (self.read.size_bytes, self.settings.plan.database_bytes);
        Storage {
            bytes,
            bytes_max,
            percent: bytes.map(|bytes| bytes.saturating_mul(100) / bytes_max),
            full: self.read.health.storage_full == 1,
            days_until_full: self.growth().and_then(|growth| growth.days_until_full(bytes_max)),
        }
    }

    /// Compares the size of the database with the note of the sweep.
    fn growth(&self) -> Option<Growth> {
        let row = &self.read.row;
        let ms = row.now - row.size_before_at?;
        Some(Growth { bytes: self.read.size_bytes?, bytes_before: row.size_before?, ms })
    }
}
