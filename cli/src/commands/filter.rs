//! Filters and sizes of lists.

use clap::Args;
use longshore::model::state::{DeadReason, State};
use longshore_client::Request;

/// Names of the arguments of [`JobFilter`].
pub(crate) const FILTERS: [&str; 14] = [
    "state",
    "kind",
    "endpoint",
    "group",
    "event_id",
    "cause",
    "action",
    "reason",
    "schedule",
    "metadata",
    "created_after",
    "created_before",
    "died_after",
    "died_before",
];

/// Filter of a list of jobs.
#[derive(Debug, Clone, Args)]
pub(crate) struct JobFilter {
    /// State of the jobs.
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<String>,
    #[command(flatten)]
    filter: Filter,
}

/// Filter that lists of jobs and of dead letters share.
#[derive(Debug, Clone, Args)]
pub(crate) struct Filter {
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
    /// Cause of the last failure of the jobs.
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
    /// Action that made or changed the jobs.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Reason of the death of the jobs.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: Option<String>,
    /// Schedule that made the jobs.
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// Member of the metadata of the jobs, such as `customer.id=42`; may be repeated.
    #[arg(long, value_name = "PATH=VALUE", value_parser = member)]
    metadata: Vec<(String, String)>,
    /// Time after which the jobs were created, such as `2026-11-02T08:00:00Z`.
    #[arg(long, value_name = "TIME")]
    created_after: Option<String>,
    /// Time before which the jobs were created.
    #[arg(long, value_name = "TIME")]
    created_before: Option<String>,
    /// Time after which the jobs died.
    #[arg(long, value_name = "TIME")]
    died_after: Option<String>,
    /// Time before which the jobs died.
    #[arg(long, value_name = "TIME")]
    died_before: Option<String>,
}

/// Parses a state.
fn state(text: &str) -> Result<String, String> {
    word(text, &State::ALL.map(State::name))
}

/// Parses the reason of a death.
fn reason(text: &str) -> Result<String, String> {
    word(text, &DeadReason::ALL.map(DeadReason::name))
}

/// Returns the text if it is one of the words.
pub(crate) fn word(text: &str, known: &[&str]) -> Result<String, String> {
    if known.contains(&text) { Ok(text.to_owned()) } else { Err(format!("use one of {}", known.join(", "))) }
}

/// Parses a member of the metadata and its value.
fn member(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("write it as PATH=VALUE, such as customer.id=42")?;
    Ok((path.to_owned(), value.to_owned()))
}

impl JobFilter {
    /// Returns the request of the list.
    pub(crate) fn request(&self) -> Request {
        self.filter.narrow(Request::new("GET", &["v1", "jobs"]).parameter("state", self.state.as_ref()))
    }

    /// Returns the filters by their names in the API.
    pub(crate) fn members(&self) -> Vec<(String, String)> {
        let state = self.state.iter().map(|state| ("state".to_owned(), state.clone()));
        state.chain(self.filter.members()).collect()
    }
}

impl Filter {
    /// Adds the filter to the request of a list.
    pub(crate) fn narrow(&self, list: Request) -> Request {
        self.members().into_iter().fold(list, |request, (name, value)| request.parameter(name, Some(value)))
    }

    /// Returns the filters by their names in the API.
    pub(crate) fn members(&self) -> Vec<(String, String)> {
        let named = [
            ("kind", &self.kind),
            ("endpoint", &self.endpoint),
            ("group", &self.group),
            ("event_id", &self.event_id),
            ("cause", &self.cause),
            ("action", &self.action),
            ("reason", &self.reason),
            ("schedule", &self.schedule),
            ("created_after", &self.created_after),
            ("created_before", &self.created_before),
            ("died_after", &self.died_after),
            ("died_before", &self.died_before),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        let metadata = self.metadata.iter().map(|(path, value)| (format!("metadata.{path}"), value.clone()));
        named.chain(metadata).collect()
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
