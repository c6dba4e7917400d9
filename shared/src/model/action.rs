//! The action: an operation on all jobs that a filter selects, step by step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::time::Time;

/// Operation of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum ActionVerb {
    /// Sends open dead letters again, each as one new job.
    Replay,
    /// Makes jobs due that wait to be retried.
    Retry,
    /// Cancels jobs that have not ended.
    Cancel,
    /// Discards open dead letters.
    Discard,
}

impl ActionVerb {
    /// Returns the name in the store and in the API.
    pub fn name(self) -> &'static str {
        match self {
            ActionVerb::Replay => "replay",
            ActionVerb::Retry => "retry",
            ActionVerb::Cancel => "cancel",
            ActionVerb::Discard => "discard",
        }
    }

    /// Returns true if its jobs run again, so that they have outcomes to follow.
    pub fn runs_jobs(self) -> bool {
        matches!(self, ActionVerb::Replay | ActionVerb::Retry)
    }
}

/// State of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum ActionState {
    /// The action handles its jobs, or waits for its canary.
    Running,
    /// The action was paused by an operator, or because its canary failed.
    Paused,
    /// The action has handled all jobs that its filter selected; they may still run.
    Done,
    /// The action was ended by an operator.
    Aborted,
}

impl ActionState {
    /// Every state.
    pub const ALL: [ActionState; 4] =
        [ActionState::Running, ActionState::Paused, ActionState::Done, ActionState::Aborted];

    /// Returns the name in the store and in the API.
    pub fn name(self) -> &'static str {
        match self {
            ActionState::Running => "running",
            ActionState::Paused => "paused",
            ActionState::Done => "done",
            ActionState::Aborted => "aborted",
        }
    }

    /// Returns true if the action handles no further jobs.
    pub fn has_ended(self) -> bool {
        matches!(self, ActionState::Done | ActionState::Aborted)
    }
}

/// Reason why an action is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum ActionPausedReason {
    /// An operator paused it.
    Operator,
    /// An attempt of a job of the canary failed.
    CanaryFailed,
    /// The jobs of the canary have not all succeeded in time.
    CanaryLate,
}

/// State of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum CanaryState {
    /// Jobs of the canary are left to start.
    Pending,
    /// All jobs of the canary are started and run.
    Testing,
    /// All jobs of the canary succeeded.
    Passed,
    /// A job failed, or they did not all succeed in time.
    Failed,
    /// The action was resumed after its canary had failed.
    Ignored,
}

/// A list of jobs that an action goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionList {
    /// Open dead letters, in the order of their deaths.
    Dead,
    /// Jobs that wait to be retried.
    Retrying,
    /// Jobs that have not ended.
    Open,
}

/// Position in the lists of an action: the number of the list, and time and id of the last job; `[0,1500,"job_..."]` in JSON.
pub type ActionPosition = (usize, i64, String);

/// Filters of an action: values by the names of the filters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ActionFilters(pub BTreeMap<String, String>);

/// An action as the store returns it, with times in ms, and the counts of its jobs.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct ActionRow {
    pub tenant: String,
    pub id: String,
    pub verb: ActionVerb,
    /// Filters as requested.
    pub filter: ActionFilters,
    pub include_retrying: u8,
    pub note: Option<String>,
    pub state: ActionState,
    pub paused_reason: Option<ActionPausedReason>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
    pub expected: i64,
    pub expects_more: u8,
    /// Jobs to start in a second.
    pub rate: Option<i64>,
    pub next_start_at: i64,
    pub canary: Option<i64>,
    pub canary_ms: Option<i64>,
    pub canary_state: Option<CanaryState>,
    pub canary_until: Option<i64>,
    pub step: i64,
    pub position: ActionPosition,
    pub matched: i64,
    pub done: i64,
    /// Time of the database's clock when the row was read.
    pub now: i64,
    #[serde(default)]
    pub total: i64,
    #[serde(default)]
    pub succeeded: i64,
    #[serde(default)]
    pub failed: i64,
    #[serde(default)]
    pub cancelled: i64,
    pub finished_at: Option<i64>,
}

impl ActionRow {
    /// Returns the lists that the action goes through, one after the other.
    pub fn lists(&self) -> &'static [ActionList] {
        ActionRow::lists_of(self.verb, self.include_retrying == 1)
    }

    /// Returns the lists that such an action goes through.
    pub fn lists_of(verb: ActionVerb, include_retrying: bool) -> &'static [ActionList] {
        match verb {
            ActionVerb::Replay if include_retrying => &[ActionList::Dead, ActionList::Retrying],
            ActionVerb::Replay | ActionVerb::Discard => &[ActionList::Dead],
            ActionVerb::Retry => &[ActionList::Retrying],
            ActionVerb::Cancel => &[ActionList::Open],
        }
    }

    /// Returns the number of its jobs that have not ended.
    pub fn open(&self) -> i64 {
        (self.total - self.succeeded - self.failed - self.cancelled).max(0)
    }

    /// Returns the time at which nothing was left to do: the action had ended, and so had the jobs that it ran.
    pub fn finished_at(&self) -> Option<i64> {
        let ended_at = self.ended_at?;
        match self.verb.runs_jobs() {
            true if self.open() > 0 => None,
            true => Some(self.finished_at.map_or(ended_at, |finished_at| finished_at.max(ended_at))),
            false => Some(ended_at),
        }
    }

    /// Returns true if nothing changes before an operator acts.
    pub fn is_settled(&self) -> bool {
        self.state == ActionState::Paused || self.finished_at().is_some()
    }
}

/// A number of jobs that is counted up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SelectedJobs {
    /// Number of jobs that were counted.
    pub count: i64,
    /// True if there may be more: only so many rows were read.
    pub at_least: bool,
}

/// Canary of an action: jobs that must succeed before it continues.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ShownCanary {
    /// Number of its jobs.
    jobs: i64,
    /// Time in which they must succeed.
    seconds: i64,
    state: Option<CanaryState>,
    /// End of that time; null before they are started.
    until: Option<Time>,
}

/// Outcomes of the jobs that an action runs.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ActionOutcomes {
    /// Jobs that have not ended.
    open: i64,
    succeeded: i64,
    /// Jobs that became dead letters.
    failed_again: i64,
    cancelled: i64,
}

/// An action.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Action<'a> {
    /// Id of the action.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::ACTION_ID)))]
    id: &'a str,
    #[serde(rename = "do")]
    verb: ActionVerb,
    state: ActionState,
    /// Reason why it is paused; null otherwise.
    paused_reason: Option<ActionPausedReason>,
    tenant: &'a str,
    /// Filters that select its jobs, as requested. Emptied by the erasure of a subject.
    filter: &'a ActionFilters,
    /// True if a replay also retries the jobs that wait for another attempt.
    include_retrying: bool,
    /// Note of the dead letters that it discards.
    note: Option<&'a str>,
    rate_per_second: Option<i64>,
    canary: Option<ShownCanary>,
    /// Time of the request. Jobs that were created or died later are not selected.
    created_at: Time,
    /// Time at which it had handled all jobs, or was aborted.
    ended_at: Option<Time>,
    /// Time at which the last of its jobs ended as well.
    finished_at: Option<Time>,
    /// Number of jobs that the filter selected at first.
    expected: SelectedJobs,
    /// Jobs that it has selected so far.
    matched: i64,
    /// Jobs that it has replayed, retried, cancelled or discarded.
    done: i64,
    /// Jobs that it has selected and left as they were: somebody else handled them before, their payload is missing, or they are
    /// being erased.
    skipped: i64,
    /// Outcomes of the jobs that it replayed or retried; null for other actions. A job counts for the last action that ran it.
    outcomes: Option<ActionOutcomes>,
}

impl<'a> From<&'a ActionRow> for Action<'a> {
    fn from(row: &'a ActionRow) -> Self {
        let canary = row.canary.map(|jobs| ShownCanary {
            jobs,
            seconds: row.canary_ms.unwrap_or(0) / 1_000,
            state: row.canary_state,
            until: row.canary_until.map(Time),
        });
        let outcomes = row.verb.runs_jobs().then(|| ActionOutcomes {
            open: row.open(),
            succeeded: row.succeeded,
            failed_again: row.failed,
            cancelled: row.cancelled,
        });
        Action {
            id: &row.id,
            verb: row.verb,
            state: row.state,
            paused_reason: row.paused_reason,
            tenant: &row.tenant,
            filter: &row.filter,
            include_retrying: row.include_retrying == 1,
            note: row.note.as_deref(),
            rate_per_second: row.rate,
            canary,
            created_at: Time(row.created_at),
            ended_at: row.ended_at.map(Time),
            finished_at: row.finished_at().map(Time),
            expected: SelectedJobs { count: row.expected, at_least: row.expects_more == 1 },
            matched: row.matched,
            done: row.done,
            skipped: (row.matched - row.done).max(0),
            outcomes,
        }
    }
}
