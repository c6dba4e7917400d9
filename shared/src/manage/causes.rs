//! Causes of failures: lists them with the jobs that wait or died, and sets aside those that are dealt with.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::limits::{CAUSE_JOBS_COUNTED_MAX, EXPORT_WHOLE_PAGE, IGNORE_SECONDS_MAX, STATUS_CAUSE_JOBS_COUNTED_MAX};
use crate::model::outcome::{ErrorClass, Fault};
use crate::ports::{Clock, Database};
use crate::routes::Operation;
use crate::store::audit::{Operator, Target};
use crate::store::rows::{is_full, read_first, read_rows, unavailable};
use crate::store::{batch, json_param, sql};
use crate::wire::problem::Problem;
use crate::wire::time::Time;
use crate::wire::values::Whole;

/// State of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum CauseState {
    /// The cause needs attention as long as jobs wait or died because of it.
    Open,
    /// An operator has dealt with it; it opens again when it is seen again.
    Resolved,
    /// An operator has set it aside for a time.
    Ignored,
}

impl CauseState {
    /// Every state.
    pub const ALL: [CauseState; 3] = [CauseState::Open, CauseState::Resolved, CauseState::Ignored];

    /// Returns the name in the store and in the API.
    pub fn name(self) -> &'static str {
        match self {
            CauseState::Open => "open",
            CauseState::Resolved => "resolved",
            CauseState::Ignored => "ignored",
        }
    }
}

/// A cause as the store returns it, with times in ms.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct CauseRow {
    pub id: String,
    pub tenant: String,
    pub kind: Option<String>,
    pub endpoint: Option<String>,
    pub host: Option<String>,
    pub class: Option<ErrorClass>,
    pub status: Option<u16>,
    pub text: String,
    pub first_seen: i64,
    pub came_back_at: Option<i64>,
    pub until: Option<i64>,
    pub state: CauseState,
    pub dead: i64,
    pub retrying: i64,
    pub held: i64,
    pub next_dies_at: Option<i64>,
    pub died_at: Option<i64>,
    pub failed_at: Option<i64>,
    pub last_success_at: Option<i64>,
    pub sample: Option<String>,
}

/// A number of jobs that is counted up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Counted {
    /// Number of jobs, 1,000 at most.
    #[cfg_attr(feature = "openapi", schemars(range(min = 0, max = CAUSE_JOBS_COUNTED_MAX)))]
    count: i64,
    /// True if there are more.
    at_least: bool,
}

impl Counted {
    fn of(read: i64) -> Counted {
        Counted::up_to(read, CAUSE_JOBS_COUNTED_MAX)
    }

    /// Shows a count that stopped after `most` and one more.
    pub(crate) fn up_to(read: i64, most: i64) -> Counted {
        Counted { count: read.min(most), at_least: read > most }
    }

    /// Shows a count of those that were looked at; `at_least` if there are more.
    pub(crate) fn partly(read: i64, at_least: bool) -> Counted {
        Counted { count: read.min(CAUSE_JOBS_COUNTED_MAX), at_least }
    }

    /// Adds up counts.
    pub(crate) fn sum<const N: usize>(counts: [Counted; N]) -> Counted {
        let count = counts.iter().map(|one| one.count).sum();
        Counted { count, at_least: counts.iter().any(|one| one.at_least) }
    }

    /// Returns the number that was counted.
    pub(crate) fn count(self) -> i64 {
        self.count
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let over = if self.at_least { "over " } else { "" };
        write!(to, "{over}{}", self.count)
    }
}

/// A cause: what failed attempts have in common, and the jobs that it holds up.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ShownCause<'a> {
    /// Fingerprint of kind, endpoint or host, class, status and text; `cause_crash`, `cause_deadline` and `cause_other` are
    /// causes of jobs of several kinds.
    id: &'a str,
    tenant: &'a str,
    state: CauseState,
    /// End of the time for which it is ignored.
    ignored_until: Option<Time>,
    /// Time at which it was seen again after it was resolved.
    came_back_at: Option<Time>,
    kind: Option<&'a str>,
    /// Endpoint of the jobs; null for jobs to bare URLs.
    endpoint: Option<&'a str>,
    /// Host of the URLs of jobs without an endpoint.
    host: Option<&'a str>,
    class: Option<ErrorClass>,
    /// Side that causes it; null for `cause_deadline` and `cause_other`.
    fault: Option<Fault>,
    /// HTTP status of the answers.
    status: Option<u16>,
    /// First line of the answers or errors; `#` replaces what differs from job to job.
    text: &'a str,
    first_seen_at: Time,
    /// Time of the last failure of a job that still waits or is dead.
    last_seen_at: Time,
    /// Jobs that wait for another attempt.
    retrying: Counted,
    /// Jobs that wait for their endpoint or the pipeline to be resumed.
    held: Counted,
    /// Open dead letters.
    dead: Counted,
    /// Time at which the next waiting job becomes a dead letter if all of its attempts fail.
    next_dies_at: Option<Time>,
    /// Last success of the endpoint, at most an hour old.
    endpoint_succeeded_at: Option<Time>,
    /// A job with this cause, to look at its attempts.
    sample_job: Option<&'a str>,
}

impl<'a> ShownCause<'a> {
    /// Shows a cause whose jobs were counted up to the limit of the status.
    pub(crate) fn few(row: &'a CauseRow) -> ShownCause<'a> {
        let [retrying, held, dead] =
            [row.retrying, row.held, row.dead].map(|read| Counted::up_to(read, STATUS_CAUSE_JOBS_COUNTED_MAX));
        ShownCause { retrying, held, dead, ..ShownCause::from(row) }
    }
}

impl<'a> From<&'a CauseRow> for ShownCause<'a> {
    fn from(row: &'a CauseRow) -> Self {
        let seen = [Some(row.first_seen), row.came_back_at, row.died_at, row.failed_at];
        ShownCause {
            id: &row.id,
            tenant: &row.tenant,
            state: row.state,
            ignored_until: row.until.filter(|_| row.state == CauseState::Ignored).map(Time),
            came_back_at: row.came_back_at.map(Time),
            kind: row.kind.as_deref(),
            endpoint: row.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()),
            host: row.host.as_deref(),
            class: row.class,
            fault: row.class.map(ErrorClass::fault),
            status: row.status,
            text: &row.text,
            first_seen_at: Time(row.first_seen),
            last_seen_at: Time(seen.into_iter().flatten().max().unwrap_or(row.first_seen)),
            retrying: Counted::of(row.retrying),
            held: Counted::of(row.held),
            dead: Counted::of(row.dead),
            next_dies_at: row.next_dies_at.map(Time),
            endpoint_succeeded_at: row.last_success_at.map(Time),
            sample_job: row.sample.as_deref(),
        }
    }
}

impl CauseRow {
    /// True if no job waits or is dead because of it.
    fn is_quiet(&self) -> bool {
        self.dead == 0 && self.retrying == 0 && self.held == 0
    }
}

/// Filters of a list of causes, combined with AND.
#[derive(Debug, Clone, Default)]
pub struct CauseFilter {
    /// State. `None` selects open causes with jobs that wait or died.
    pub state: Option<CauseState>,
    /// Name of a kind.
    pub kind: Option<String>,
    /// Name of an endpoint.
    pub endpoint: Option<String>,
    /// Time of the last failure at or after this, in ms.
    pub since: Option<i64>,
}

impl CauseFilter {
    fn selects(&self, row: &CauseRow) -> bool {
        let is_selected = match self.state {
            Some(state) => row.state == state,
            None => row.state == CauseState::Open && !row.is_quiet(),
        };
        is_selected
            && (self.kind.is_none() || self.kind == row.kind)
            && (self.endpoint.is_none() || self.endpoint == row.endpoint)
            && self.since.is_none_or(|since| ShownCause::from(row).last_seen_at.0 >= since)
    }
}

/// Position in a list of causes: the time when the last one was first seen, and its id.
pub type CausePosition = (i64, String);

/// Reads a page of a tenant's causes, the newest first. A page reads `limit` causes and returns those that the filter
/// selects, so it may be short. Each reads at most about 3,000 rows, because it counts jobs.
///
/// # Errors
/// `Unavailable`.
pub async fn list_causes<W: Database + Clock>(
    world: &W,
    tenant: &str,
    filter: &CauseFilter,
    after: Option<CausePosition>,
    limit: u32,
) -> Result<(Vec<CauseRow>, Option<CausePosition>), Problem> {
    let mut rows = read_page(world, tenant, after, limit).await?;
    let next = is_full(rows.len(), limit).then(|| rows.last().map(|row| (row.first_seen, row.id.clone()))).flatten();
    rows.retain(|row| filter.selects(row));
    Ok((rows, next))
}

/// Reads a page of all causes of a tenant for its export, and the position of the next one.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn page_of_causes<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
) -> Result<(Vec<CauseRow>, Option<String>), Problem> {
    let after = after.split_once(' ').and_then(|(first_seen, id)| Some((first_seen.parse().ok()?, id.to_owned())));
    let rows = read_page(world, tenant, after, EXPORT_WHOLE_PAGE).await?;
    let last = rows.last().filter(|_| is_full(rows.len(), EXPORT_WHOLE_PAGE));
    let next = last.map(|row| format!("{} {}", row.first_seen, row.id));
    Ok((rows, next))
}

async fn read_page<W: Database + Clock>(
    world: &W,
    tenant: &str,
    after: Option<CausePosition>,
    limit: u32,
) -> Result<Vec<CauseRow>, Problem> {
    // Position of the first page: the end of the year 9999, later than any cause.
    let (first_seen, id) = after.unwrap_or((253_402_300_799_999, String::new()));
    let terms = json!({"tenant": tenant, "first_seen": first_seen, "id": id, "counted": CAUSE_JOBS_COUNTED_MAX});
    read_rows(world, sql!("list_causes", json_param(&terms), i64::from(limit))).await
}

/// Reads one cause.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_cause<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<CauseRow, Problem> {
    let terms = json!({"tenant": tenant, "id": id, "counted": CAUSE_JOBS_COUNTED_MAX});
    let row = read_first(world, sql!("read_cause", json_param(&terms))).await?;
    row.ok_or_else(|| Problem::not_found("Cause", id))
}

/// Options of an ignored cause.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IgnoreRequest {
    /// Time for which the cause is ignored, in seconds. It is open again afterwards.
    pub seconds: Whole<1, IGNORE_SECONDS_MAX>,
}

/// Change of a cause by an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseChange {
    /// Resolves it.
    Resolve,
    /// Ignores it for so many seconds.
    Ignore(u32),
    /// Opens it again.
    Reopen,
}

/// Changes the state of a cause. Its jobs stay as they are. Safe to repeat.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn change_cause<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    id: &str,
    change: CauseChange,
) -> Result<CauseRow, Problem> {
    let (operation, state, seconds) = match change {
        CauseChange::Resolve => (Operation::ResolveCause, CauseState::Resolved, 0),
        CauseChange::Ignore(seconds) => (Operation::IgnoreCause, CauseState::Ignored, seconds),
        CauseChange::Reopen => (Operation::ReopenCause, CauseState::Open, 0),
    };
    let after = match change {
        CauseChange::Ignore(seconds) => json!({"state": state, "seconds": seconds}),
        CauseChange::Resolve | CauseChange::Reopen => json!({"state": state}),
    };
    let action = operator.does(operation, tenant, Target::Cause, id).after(after);
    let statements =
        [sql!("note_cause", action.param()), sql!("set_cause", tenant, id, state.name(), i64::from(seconds) * 1_000)];
    batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    read_cause(world, tenant, id).await
}
