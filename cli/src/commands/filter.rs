//! Filters and sizes of lists.

use clap::Args;
use longshore::model::state::State;
use longshore_client::Request;

/// Names of the arguments of [`JobFilter`].
pub(crate) const FILTERS: [&str; 7] =
    ["state", "kind", "endpoint", "group", "event_id", "created_after", "created_before"];

/// Filter of a list of jobs.
#[derive(Debug, Clone, Args)]
pub(crate) struct JobFilter {
    /// State of the jobs.
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<String>,
    /// Kind of the jobs: `webhook`, `embed`, `index`, or the name of a task.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Endpoint of the jobs.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Group of the jobs.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// The `webhook-id` of the jobs.
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// Time after which the jobs were created, such as `2026-11-02T08:00:00Z`.
    #[arg(long, value_name = "TIME")]
    created_after: Option<String>,
    /// Time before which the jobs were created.
    #[arg(long, value_name = "TIME")]
    created_before: Option<String>,
}

/// Parses a state.
fn state(text: &str) -> Result<String, String> {
    let known = State::ALL.map(State::name).join(", ");
    State::named(text).map(|state| state.name().to_owned()).ok_or_else(|| format!("use one of {known}"))
}

impl JobFilter {
    /// Returns the request of the list.
    pub(crate) fn request(&self) -> Request {
        Request::new("GET", &["v1", "jobs"])
            .parameter("state", self.state.as_ref())
            .parameter("kind", self.kind.as_ref())
            .parameter("endpoint", self.endpoint.as_ref())
            .parameter("group", self.group.as_ref())
            .parameter("event_id", self.event_id.as_ref())
            .parameter("created_after", self.created_after.as_ref())
            .parameter("created_before", self.created_before.as_ref())
    }
}

/// Number of items of a list.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ListSize {
    /// Number of items.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all items, whatever their number.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl ListSize {
    /// Returns the maximum number of items.
    pub(crate) fn limit(self) -> usize {
        if self.all { usize::MAX } else { usize::try_from(self.limit).unwrap_or(usize::MAX) }
    }
}
