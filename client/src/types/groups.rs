//! Types of groups.

use serde::Deserialize;

/// Counts of the jobs with a label.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Group {
    pub id: String,
    pub tenant: String,
    pub created_at: String,
    pub finished_at: Option<String>,
    pub closed_at: Option<String>,
    pub finished: bool,
    pub on_finished: Option<OnFinished>,
    pub total: u64,
    pub open: u64,
    pub succeeded: u64,
    pub dead: u64,
    pub replayed: u64,
    pub cancelled: u64,
}

/// Webhook of a group, which is sent when the group finishes.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct OnFinished {
    pub endpoint: String,
    pub job: Option<String>,
    pub error: Option<String>,
}
