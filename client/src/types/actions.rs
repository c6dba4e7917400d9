//! Types of actions on all jobs that a filter selects.

use std::collections::BTreeMap;

use longshore::model::action::{ActionPausedReason, ActionState, ActionVerb, CanaryState};
use serde::Deserialize;

/// A number of jobs that is counted up to a limit.
#[derive(Debug, Clone, Copy, Deserialize)]
#[allow(missing_docs)]
pub struct SelectedJobs {
    pub count: u64,
    pub at_least: bool,
}

/// Canary of an action.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Canary {
    pub jobs: u64,
    pub seconds: u64,
    pub state: Option<CanaryState>,
    pub until: Option<String>,
}

/// Outcomes of the jobs that an action runs.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct ActionOutcomes {
    pub open: u64,
    pub succeeded: u64,
    pub failed_again: u64,
    pub cancelled: u64,
}

/// An action on all jobs that a filter selects.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Action {
    pub id: String,
    #[serde(rename = "do")]
    pub verb: ActionVerb,
    pub state: ActionState,
    pub paused_reason: Option<ActionPausedReason>,
    pub tenant: String,
    pub filter: BTreeMap<String, String>,
    pub rate_per_second: Option<u64>,
    pub canary: Option<Canary>,
    pub created_at: String,
    pub ended_at: Option<String>,
    pub finished_at: Option<String>,
    pub expected: SelectedJobs,
    pub matched: u64,
    pub done: u64,
    pub skipped: u64,
    pub outcomes: Option<ActionOutcomes>,
}

/// Number of selected jobs with an endpoint.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct EndpointJobs {
    pub endpoint: Option<String>,
    pub jobs: u64,
}

/// Number of selected jobs with a cause.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct CauseJobs {
    pub cause: Option<String>,
    pub jobs: u64,
}

/// Preview of an action.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct ActionPreview {
    #[serde(rename = "do")]
    pub verb: ActionVerb,
    pub matched: SelectedJobs,
    pub oldest_at: Option<String>,
    pub newest_at: Option<String>,
    pub by_endpoint: Vec<EndpointJobs>,
    pub by_cause: Vec<CauseJobs>,
    pub sample_jobs: Vec<String>,
    pub seconds: Option<u64>,
}
