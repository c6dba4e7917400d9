//! Results of the jobs of one request.

use serde::Serialize;

use crate::accept::accepted::Accepted;
use crate::accept::authorize::Caller;
use crate::accept::insert::{accept, seal_secrets};
use crate::accept::request::{NewJob, in_order};
use crate::ports::{Blobs, Clock, Database};
use crate::settings::Settings;
use crate::wire::problem::Problem;
use crate::wire::problem_document::ProblemDocument;

/// Accepts the jobs that passed their check. The results are in the order of the request.
///
/// # Errors
/// A problem for the whole request, as [`accept`].
pub async fn accept_checked<W: Database + Blobs + Clock>(
    world: &W,
    settings: &Settings,
    caller: &Caller,
    checked: Vec<Result<NewJob, Problem>>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    let (mut jobs, mut places) = (Vec::new(), Vec::new());
    for job in checked {
        places.push(job.map(|job| jobs.push(job)));
    }
    // Of two changes of one document the one with the greater id wins.
    in_order(&mut jobs);
    seal_secrets(world, settings, caller, &mut jobs).await?;
    // Runs also without any job left, because it checks the key.
    let mut accepted = accept(world, caller, jobs).await?.into_iter();
    Ok(places.into_iter().map(|place| place.and_then(|()| accepted.next().unwrap_or(Err(Problem::Internal)))).collect())
}

/// Outcome of one job of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOutcome {
    /// A new job.
    Accepted,
    /// The key already had a job.
    Duplicate,
    /// The job was rejected.
    Rejected,
}

impl LineOutcome {
    /// Returns the outcome of one result.
    pub fn of(result: &Result<Accepted, Problem>) -> LineOutcome {
        match result {
            Ok(accepted) if accepted.duplicate => LineOutcome::Duplicate,
            Ok(_) => LineOutcome::Accepted,
            Err(_) => LineOutcome::Rejected,
        }
    }
}

/// Number of jobs of a request per outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "BatchSummary"))]
pub struct Tally {
    /// New jobs.
    pub accepted: usize,
    /// Jobs whose key already had one.
    pub duplicates: usize,
    /// Rejected jobs.
    pub rejected: usize,
}

impl Tally {
    /// True if no job was rejected.
    pub fn is_whole(&self) -> bool {
        self.rejected == 0
    }

    /// Counts these results.
    pub fn count(&mut self, results: &[Result<Accepted, Problem>]) {
        for result in results {
            self.add(LineOutcome::of(result));
        }
    }

    /// Counts one more outcome.
    pub fn add(&mut self, outcome: LineOutcome) {
        *match outcome {
            LineOutcome::Accepted => &mut self.accepted,
            LineOutcome::Duplicate => &mut self.duplicates,
            LineOutcome::Rejected => &mut self.rejected,
        } += 1;
    }
}

/// Result of one job of a batch, or of one line.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct BatchResult<'a> {
    /// Position in the request, from 0.
    index: usize,
    /// Line number in the body, from 1, with blank lines counted; null in a batch that is one JSON document.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
    line: Option<usize>,
    /// `202`, or the status of the problem.
    status: u16,
    /// Id of the job; null if it was rejected.
    id: Option<&'a str>,
    /// True if the idempotency key already had this job.
    duplicate: bool,
    /// Reason for the rejection.
    problem: Option<ProblemDocument<'a>>,
}

impl<'a> BatchResult<'a> {
    /// Builds the result of the job at `index`.
    pub fn of(index: usize, result: &'a Result<Accepted, Problem>, request_id: &'a str) -> BatchResult<'a> {
        match result {
            Ok(accepted) => BatchResult {
                index,
                line: None,
                status: 202,
                id: Some(&accepted.job.id),
                duplicate: accepted.duplicate,
                problem: None,
            },
            Err(refusal) => BatchResult {
                index,
                line: None,
                status: refusal.status(),
                id: None,
                duplicate: false,
                problem: Some(ProblemDocument::of(refusal, request_id)),
            },
        }
    }

    /// Builds the result of the line at `index`.
    pub fn of_line(index: usize, result: &'a Result<Accepted, Problem>, request_id: &'a str) -> BatchResult<'a> {
        let mut of_line = BatchResult::of(index, result, request_id);
        of_line.line = Some(index + 1);
        of_line.problem = of_line.problem.map(|problem| problem.of_line(index + 1));
        of_line
    }
}

/// Response to a batch, in the order of the request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct BatchAnswer<'a> {
    summary: Tally,
    results: Vec<BatchResult<'a>>,
}

impl<'a> BatchAnswer<'a> {
    /// Builds the response. A minimal one lists only rejected jobs.
    pub fn of(results: &'a [Result<Accepted, Problem>], request_id: &'a str, minimal: bool) -> BatchAnswer<'a> {
        let mut summary = Tally::default();
        summary.count(results);
        let shown = results.iter().enumerate().filter(|(_, result)| !minimal || result.is_err());
        let results = shown.map(|(index, result)| BatchResult::of(index, result, request_id)).collect();
        BatchAnswer { summary, results }
    }
}
