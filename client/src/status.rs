//! Status of a deployment: what fails, since when, for whom, and whose fault it is.

use serde::Deserialize;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;
use crate::request::Request;
use crate::types::{Cause, Counted};

/// Status of a tenant, or of all tenants.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Status {
    /// Level: `ok`, `degraded` or `failing`.
    #[serde(rename = "status")]
    pub level: String,
    pub version: String,
    pub at: String,
    pub tenant: Option<String>,
    pub reasons: Vec<Reason>,
    pub crons: Crons,
    pub oldest_due: Option<OldestDue>,
    pub due: Counted,
    pub jobs: JobCounts,
    pub causes: Vec<Cause>,
    pub has_more: bool,
    pub queues: Option<Vec<QueueBacklog>>,
    pub storage: Storage,
    pub usage: Option<Usage>,
}

/// Finding that needs somebody.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Reason {
    pub level: String,
    pub code: String,
    pub detail: String,
    pub fault: Option<String>,
    pub since: Option<String>,
    pub tenant: Option<String>,
    pub endpoint: Option<String>,
    pub cause: Option<String>,
    pub count: Option<Counted>,
    pub runbook: String,
}

/// Times of the crons, and the switches of the pipeline.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Crons {
    pub swept_at: Option<String>,
    pub ticked_at: Option<String>,
    pub paused: bool,
    pub restoring: bool,
    pub daily_limit: Option<String>,
}

/// A row that has waited for the sweep.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct OldestDue {
    pub since: String,
    pub job: Option<String>,
    pub tenant: Option<String>,
}

/// Numbers of jobs by state.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct JobCounts {
    pub dead: Counted,
    pub retrying: Counted,
    pub held: Counted,
    pub recent: RecentJobs,
}

/// States of the jobs of the last minutes.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct RecentJobs {
    pub since: String,
    pub jobs: Counted,
    pub scheduled: i64,
    pub queued: i64,
    pub running: i64,
    pub succeeded: i64,
}

/// Backlog of a queue.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct QueueBacklog {
    pub queue: String,
    pub messages: i64,
    pub bytes: i64,
    pub oldest_at: Option<String>,
}

/// Size of the database of jobs.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Storage {
    pub bytes: Option<i64>,
    pub bytes_max: i64,
    pub percent: Option<i64>,
    pub full: bool,
    pub days_until_full: Option<i64>,
}

/// Estimated usage of the account.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Usage {
    pub at_least: bool,
    pub plan: String,
    pub today: Estimate,
    pub allowances: Allowances,
    pub forecast: Forecast,
}

/// Estimated usage of a day.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Estimate {
    pub jobs: i64,
    pub rows_written: i64,
    pub queue_operations: i64,
    pub puts: i64,
    pub requests: i64,
}

/// Allowances of the plan.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Allowances {
    pub rows_written: Allowance,
    pub queue_operations: Allowance,
    pub puts: Allowance,
    pub requests: Allowance,
}

/// Number that the plan includes in a `day` or a `month`.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Allowance {
    pub amount: i64,
    pub per: String,
}

/// Forecast of a day and of a month.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Forecast {
    pub at_midnight: Estimate,
    pub bill_of_month_cents: i64,
}

impl Client {
    /// Reads the status of the tenant; with a key of all tenants and without a tenant, that of all.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn status(&self) -> Result<Answer<Status>, ClientError> {
        self.ask(&Request::new("GET", &["v1", "status"]))
    }
}
