//! Previews of actions: what a filter selects now.

use serde::{Deserialize, Serialize};

use crate::limits::{ACTION_PREVIEW_LISTED, ACTION_PREVIEW_ROWS_READ};
use crate::manage::actions::request::ActionPlan;
use crate::manage::actions::steps::JobTerms;
use crate::model::action::{ActionList, ActionRow, ActionVerb, SelectedJobs};
use crate::model::job::none_if_empty;
use crate::ports::{Clock, Database};
use crate::store::rows::{rows, unavailable};
use crate::store::{batch, json_param, sql};
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// Jobs of one list, as the store counts them.
#[derive(Debug, Deserialize)]
struct ListRow {
    now: i64,
    read: i64,
    matched: i64,
    oldest_at: Option<i64>,
    newest_at: Option<i64>,
    by_endpoint: Vec<(String, i64)>,
    by_cause: Vec<(Option<String>, i64)>,
    sample: Vec<String>,
}

/// Jobs that a filter selects now.
#[derive(Debug)]
pub struct PreviewRow {
    /// Time of the database's clock.
    pub now: i64,
    /// Number of jobs.
    pub matched: SelectedJobs,
    oldest_at: Option<i64>,
    newest_at: Option<i64>,
    by_endpoint: Vec<(String, i64)>,
    by_cause: Vec<(Option<String>, i64)>,
    sample: Vec<String>,
    verb: ActionVerb,
    rate: Option<u32>,
}

/// Number of selected jobs with an endpoint.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EndpointJobs<'a> {
    /// Endpoint; null for jobs to bare URLs.
    endpoint: Option<&'a str>,
    jobs: i64,
}

/// Number of selected jobs with a cause.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct CauseJobs<'a> {
    /// Cause; null for jobs that have not failed.
    cause: Option<&'a str>,
    jobs: i64,
}

/// Preview of an action: what it would select.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ActionPreview<'a> {
    #[serde(rename = "do")]
    verb: ActionVerb,
    /// Number of jobs that it would select.
    matched: SelectedJobs,
    /// Time of the first: of its death, or of the creation of a job that is not dead.
    oldest_at: Option<Time>,
    /// Time of the last that was read.
    newest_at: Option<Time>,
    /// Most frequent endpoints.
    by_endpoint: Vec<EndpointJobs<'a>>,
    /// Most frequent causes.
    by_cause: Vec<CauseJobs<'a>>,
    /// Oldest jobs.
    sample_jobs: &'a [String],
    /// Time that the rate takes for them; null without a rate.
    seconds: Option<i64>,
}

impl<'a> From<&'a PreviewRow> for ActionPreview<'a> {
    fn from(row: &'a PreviewRow) -> Self {
        let endpoint =
            |(endpoint, jobs): &'a (String, i64)| EndpointJobs { endpoint: none_if_empty(endpoint), jobs: *jobs };
        let cause = |(cause, jobs): &'a (Option<String>, i64)| CauseJobs { cause: cause.as_deref(), jobs: *jobs };
        ActionPreview {
            verb: row.verb,
            matched: row.matched,
            oldest_at: row.oldest_at.map(Time),
            newest_at: row.newest_at.map(Time),
            by_endpoint: row.by_endpoint.iter().map(endpoint).collect(),
            by_cause: row.by_cause.iter().map(cause).collect(),
            sample_jobs: &row.sample,
            seconds: row.rate.map(|rate| (row.matched.count + i64::from(rate) - 1) / i64::from(rate)),
        }
    }
}

/// Counts what an action would select now. Reads at most [`ACTION_PREVIEW_ROWS_READ`] rows of each list, and as many entries of
/// an index.
///
/// # Errors
/// `Unavailable`.
pub async fn preview<W: Database + Clock>(world: &W, tenant: &str, plan: &ActionPlan) -> Result<PreviewRow, Problem> {
    let lists = ActionRow::lists_of(plan.verb, plan.include_retrying);
    let statement = |list: &ActionList| {
        // Nothing that was created or died until the statement runs is later than this.
        let terms = JobTerms::new(tenant, *list, &plan.filter, i64::MAX >> 16, (0, ""));
        sql!("preview_action", json_param(&terms), ACTION_PREVIEW_ROWS_READ, ACTION_PREVIEW_LISTED)
    };
    let statements: Vec<_> = lists.iter().map(statement).collect();
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let mut found = PreviewRow {
        now: 0,
        matched: SelectedJobs { count: 0, at_least: false },
        oldest_at: None,
        newest_at: None,
        by_endpoint: Vec::new(),
        by_cause: Vec::new(),
        sample: Vec::new(),
        verb: plan.verb,
        rate: plan.rate,
    };
    for answer in &answers {
        for list in rows::<ListRow>(Some(answer))? {
            found.add(list);
        }
    }
    Ok(found)
}

impl PreviewRow {
    /// Builds the example of the API document.
    #[cfg(feature = "openapi")]
    pub(crate) fn example(at: i64) -> PreviewRow {
        PreviewRow {
            now: at,
            matched: SelectedJobs { count: 300, at_least: false },
            oldest_at: Some(at - 3_600_000),
            newest_at: Some(at),
            by_endpoint: vec![("orders".to_owned(), 200), ("invoices".to_owned(), 100)],
            by_cause: vec![(Some("cause_q8sJ2mB0r5LkXw1v".to_owned()), 300)],
            sample: vec!["job_0001KBJ3DW004QY6R7NZX3VJ5T8M".to_owned()],
            verb: ActionVerb::Replay,
            rate: Some(50),
        }
    }

    fn add(&mut self, list: ListRow) {
        self.now = list.now;
        self.matched.count += list.matched;
        self.matched.at_least |= list.read >= ACTION_PREVIEW_ROWS_READ;
        self.oldest_at = self.oldest_at.into_iter().chain(list.oldest_at).min();
        self.newest_at = self.newest_at.max(list.newest_at);
        merge(&mut self.by_endpoint, list.by_endpoint);
        merge(&mut self.by_cause, list.by_cause);
        self.sample.extend(list.sample);
        self.sample.truncate(usize::try_from(ACTION_PREVIEW_LISTED).unwrap_or(0));
    }
}

/// Adds counts to those of the same name, and sorts them, the largest first.
fn merge<T: PartialEq>(counts: &mut Vec<(T, i64)>, more: Vec<(T, i64)>) {
    for (name, jobs) in more {
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += jobs,
            None => counts.push((name, jobs)),
        }
    }
    counts.sort_by_key(|(_, jobs)| -jobs);
    counts.truncate(usize::try_from(ACTION_PREVIEW_LISTED).unwrap_or(0));
}
