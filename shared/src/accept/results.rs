//! What became of the jobs of one request, each by itself.

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
    // Of two changes of one document the later one stands, and an id is what tells.
    in_order(&mut jobs);
    seal_secrets(world, settings, caller, &mut jobs).await?;
    // Also with no job left: the key is checked all the same.
    let mut accepted = accept(world, caller, jobs).await?.into_iter();
    Ok(places.into_iter().map(|place| place.and_then(|()| accepted.next().unwrap_or(Err(Problem::Internal)))).collect())
}

/// What became of one job of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOutcome {
    /// It is a new job.
    Accepted,
    /// Its key has a job already.
    Duplicate,
    /// It was refused.
    Rejected,
}

impl LineOutcome {
    /// The outcome of one result.
    pub fn of(result: &Result<Accepted, Problem>) -> LineOutcome {
        match result {
            Ok(accepted) if accepted.duplicate => LineOutcome::Duplicate,
            Ok(_) => LineOutcome::Accepted,
            Err(_) => LineOutcome::Rejected,
        }
    }
}

/// How many jobs of a request had each outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "BatchSummary"))]
pub struct Tally {
    /// New jobs.
    pub accepted: usize,
    /// Jobs that were there already.
    pub duplicates: usize,
    /// Refused ones.
    pub rejected: usize,
}

impl Tally {
    /// Whether no job was refused.
    pub fn is_whole(&self) -> bool {
        self.rejected == 0
    }

    /// Counts these results.
    pub fn count(&mut self, results: &[Result<Accepted, Problem>]) {
        for result in results {
            self.add(LineOutcome::of(result));
        }
    }

    /// Counts one more.
    pub fn add(&mut self, outcome: LineOutcome) {
        *match outcome {
            LineOutcome::Accepted => &mut self.accepted,
            LineOutcome::Duplicate => &mut self.duplicates,
            LineOutcome::Rejected => &mut self.rejected,
        } += 1;
    }
}

/// What became of one job of a batch, or of one line.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct BatchResult<'a> {
    /// Its place in the request, from 0.
    index: usize,
    /// Its line in the file, from 1, blank lines counted too; null in a batch that is one JSON document.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
    line: Option<usize>,
    /// 202, or the status of its problem.
    status: u16,
    /// Its id; null if it was refused.
    id: Option<&'a str>,
    /// Whether it was there already.
    duplicate: bool,
    /// Why it was refused.
    problem: Option<ProblemDocument<'a>>,
}

impl<'a> BatchResult<'a> {
    /// The result of the job at that place of a request.
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

    /// The result of the line at that place of a file.
    pub fn of_line(index: usize, result: &'a Result<Accepted, Problem>, request_id: &'a str) -> BatchResult<'a> {
        let mut of_line = BatchResult::of(index, result, request_id);
        of_line.line = Some(index + 1);
        of_line.problem = of_line.problem.map(|problem| problem.of_line(index + 1));
        of_line
    }
}

/// The answer to a batch, in the order of the request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct BatchAnswer<'a> {
    summary: Tally,
    results: Vec<BatchResult<'a>>,
}

impl<'a> BatchAnswer<'a> {
    /// The answer with these results; a minimal one has none but those of refused jobs.
    pub fn of(results: &'a [Result<Accepted, Problem>], request_id: &'a str, minimal: bool) -> BatchAnswer<'a> {
        let mut summary = Tally::default();
        summary.count(results);
        let shown = results.iter().enumerate().filter(|(_, result)| !minimal || result.is_err());
        let results = shown.map(|(index, result)| BatchResult::of(index, result, request_id)).collect();
        BatchAnswer { summary, results }
    }
}
