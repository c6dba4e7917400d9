//! Bulk intake: accepts jobs or documents as lines of JSON while the body arrives, and returns one result per line.
//!
//! The intake waits for input and for the database, never for the reader of the response: a caller may send the whole
//! body before it reads. Memory is bounded by one accept and a bounded response, for any number of lines. If the
//! connection breaks, the caller can repeat the request with the same key: lines that were accepted are not accepted
//! twice.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde::Serialize;

use crate::accept::accepted::Accepted;
use crate::accept::authorize::Caller;
use crate::accept::documents::Documents;
use crate::accept::request::{NewJob, check};
use crate::accept::results::{Tally, accept_checked};
use crate::limits::{BULK_BYTES_AT_ONCE, BULK_LINES_AT_ONCE, BULK_PAUSE_MS, REQUEST_MS_MAX};
use crate::ports::World;
use crate::settings::Settings;
use crate::store::notify::send_hints;
use crate::wire::ndjson::as_lines;
use crate::wire::problem::Problem;
use crate::wire::problem_document::ProblemDocument;

type Checked = Result<NewJob, Problem>;

/// A bulk request without its lines.
#[derive(Debug)]
pub struct BulkRequest {
    /// Key and tenant of the request.
    pub caller: Caller,
    /// Idempotency key of the request. Line `n` gets the key `{key}:{n}`.
    pub key: Option<String>,
    /// Target of the lines if they are documents; `None` if they are jobs.
    pub documents: Option<Documents>,
}

/// Lines of a request body.
#[allow(async_fn_in_trait)]
pub trait LineSource {
    /// Returns the next complete line that has arrived. A line that is too long or is not UTF-8 is an error for that
    /// line only.
    fn next_whole(&mut self) -> Option<Result<String, Problem>>;

    /// True when the body has ended.
    fn has_ended(&self) -> bool;

    /// Waits for more input or for the end of the body. Cancel-safe: dropping the future loses no input.
    ///
    /// # Errors
    /// The reason why the body cannot be read further: it was interrupted, or it is too long.
    async fn more(&mut self) -> Result<(), Problem>;
}

/// Receiver of line results.
pub trait Results {
    /// Adds the results of one accept, each with its line index.
    fn add(&mut self, results: Vec<(usize, Result<Accepted, Problem>)>);
}

/// Result of a bulk request.
#[derive(Debug)]
pub struct Summary {
    /// Number of lines per outcome.
    pub tally: Tally,
    /// Id of the job that removes the replaced documents.
    pub removal: Option<String>,
    /// Reason why lines were not read, or why nothing was replaced.
    pub problem: Option<Problem>,
    /// Target of the lines if they were documents.
    pub documents: Option<Documents>,
}

/// Last line of the response to a bulk request of jobs.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct BulkSummary<'a> {
    summary: Tally,
    /// Counts of the lines that have no result line, because the caller did not read the response in time.
    unreported: Tally,
    /// Reason why the lines after the last result were not read; with `replace`, also the reason why no document was
    /// removed. Null if all lines were read.
    problem: Option<ProblemDocument<'a>>,
}

/// Last line of the response to a bulk request of documents.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DocumentsSummary<'a> {
    #[serde(flatten)]
    bulk: BulkSummary<'a>,
    /// Group of all jobs of the request.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    group: &'a str,
    /// Id of the job that removes the replaced documents. Null without `replace`, and when a line was rejected, a line
    /// was not read, or there was no line.
    removal: Option<&'a str>,
}

impl Summary {
    /// Formats the last line of the response. `unreported` counts the lines without a result line.
    pub fn line(&self, unreported: Tally, request_id: &str) -> String {
        let problem = self.problem.as_ref().map(|problem| ProblemDocument::of(problem, request_id));
        let bulk = BulkSummary { summary: self.tally, unreported, problem };
        match &self.documents {
            None => as_lines([bulk]),
            Some(documents) => {
                as_lines([DocumentsSummary { bulk, group: documents.group(), removal: self.removal.as_deref() }])
            }
        }
    }
}

/// A bulk request in progress.
pub struct Intake<'a, W, L> {
    world: &'a W,
    settings: &'a Settings,
    request: BulkRequest,
    lines: &'a mut L,
    /// Time at which reading stops, in ms.
    until: i64,
    /// Index of the next line, from 0.
    index: usize,
    accepts: usize,
    tally: Tally,
    /// Smallest id of its jobs.
    first: Option<String>,
    /// False after the queue refused hints; later hints are then left to the sweep.
    takes_hints: bool,
    /// Reason to stop reading.
    over: Option<Problem>,
}

impl<'a, W: World, L: LineSource> Intake<'a, W, L> {
    /// Starts the intake of a request whose key may enqueue jobs.
    pub fn new(world: &'a W, settings: &'a Settings, request: BulkRequest, lines: &'a mut L) -> Self {
        Intake {
            until: world.now_ms() + REQUEST_MS_MAX,
            world,
            settings,
            request,
            lines,
            index: 0,
            accepts: 0,
            tally: Tally::default(),
            first: None,
            takes_hints: true,
            over: None,
        }
    }

    /// Accepts lines until the body ends or the request reaches a limit.
    pub async fn run(mut self, results: &mut impl Results) -> Summary {
        while self.over.is_none() {
            let checked = self.gather().await;
            if checked.is_empty() {
                break;
            }
            let (numbers, checked): (Vec<_>, Vec<_>) = checked.into_iter().unzip();
            let accepted = self.accept(checked).await;
            self.tally.count(&accepted);
            let ids = accepted.iter().flatten().map(|accepted| accepted.job.id.clone());
            self.first = self.first.take().into_iter().chain(ids).min();
            results.add(numbers.into_iter().zip(accepted).collect());
        }
        let removal = self.remove_the_rest().await;
        let (tally, problem, documents) = (self.tally, self.over, self.request.documents);
        Summary { tally, removal, problem, documents }
    }

    /// Reads and checks lines for one accept, until it is full or the body pauses or ends.
    async fn gather(&mut self) -> Vec<(usize, Checked)> {
        let (mut checked, mut bytes) = (Vec::new(), 0);
        while checked.len() < BULK_LINES_AT_ONCE && bytes < BULK_BYTES_AT_ONCE {
            if let Some(line) = self.lines.next_whole() {
                let index = self.index;
                self.index += 1;
                // An empty line is skipped but counted, so that line numbers match the file.
                if line.as_ref().is_ok_and(|line| line.trim().is_empty()) {
                    continue;
                }
                self.over = end_at(index, self.accepts_left(), self.ms_left(), self.replaces());
                if self.over.is_some() {
                    break;
                }
                bytes += line.as_ref().map_or(0, String::len);
                checked.push((index, line.and_then(|line| self.check(index, &line))));
                continue;
            }
            let left = self.ms_left();
            if left == 0 && !self.lines.has_ended() {
                self.over = end_at(self.index, 1, left, self.replaces());
                break;
            }
            let pause = if checked.is_empty() { left } else { left.min(BULK_PAUSE_MS) };
            match self.more(pause).await {
                Ok(true) => {}
                // The time is over: the next iteration reports it.
                Ok(false) if checked.is_empty() && !self.lines.has_ended() => {}
                Ok(false) => break,
                Err(problem) => {
                    self.over = Some(problem);
                    break;
                }
            }
        }
        checked
    }

    /// Waits up to `pause_ms` for more input. Returns false if the body paused or ended.
    async fn more(&mut self, pause_ms: i64) -> Result<bool, Problem> {
        if self.lines.has_ended() {
            return Ok(false);
        }
        let wait = self.world.sleep(Duration::from_millis(pause_ms.unsigned_abs()));
        match select(pin!(self.lines.more()), pin!(wait)).await {
            Either::Left((more, _)) => more.map(|()| true),
            Either::Right(_) => Ok(false),
        }
    }

    /// Returns the number of accepts left for lines. A replacement reserves one for its removal job.
    fn accepts_left(&self) -> usize {
        self.settings.plan.bulk_accepts.saturating_sub(usize::from(self.replaces()) + self.accepts)
    }

    /// Returns the time left for reading, in ms.
    fn ms_left(&self) -> i64 {
        (self.until - self.world.now_ms()).clamp(0, REQUEST_MS_MAX)
    }

    fn replaces(&self) -> bool {
        self.request.documents.as_ref().is_some_and(Documents::replace)
    }

    /// Accepts the job that removes the replaced documents. Returns `None` if a line was rejected or not read. If there
    /// was no line, it also sets the problem to report.
    async fn remove_the_rest(&mut self) -> Option<String> {
        if self.over.is_some() || !self.tally.is_whole() {
            return None;
        }
        let documents = self.request.documents.as_ref()?;
        let Some(first) = &self.first else {
            self.over = documents.nothing_replaces();
            return None;
        };
        let job = documents.removal(first)?;
        // As long as the first line's key: a key that is too long already failed with that line.
        let key = self.request.key.as_ref().map(|key| format!("{key}:r"));
        let checked = check(self.world, self.settings, &job, 0, key);
        match self.accept(vec![checked]).await.pop()? {
            Ok(accepted) => Some(accepted.job.id),
            Err(problem) => {
                self.over = Some(problem);
                None
            }
        }
    }

    fn check(&self, index: usize, line: &str) -> Checked {
        // Each line gets its own key, derived from the key of the request.
        let key = self.request.key.as_ref().map(|key| format!("{key}:{index}"));
        match &self.request.documents {
            None => check(self.world, self.settings, line.as_bytes(), index, key),
            Some(documents) => documents.check(self.world, self.settings, line.as_bytes(), index, key),
        }
    }

    /// Accepts lines and sends hints for their jobs. If the database refuses the whole batch, every line gets that
    /// problem and the intake ends.
    async fn accept(&mut self, checked: Vec<Checked>) -> Vec<Result<Accepted, Problem>> {
        let refused: Vec<_> = checked.iter().map(|line| line.as_ref().err().cloned()).collect();
        self.accepts += 1;
        match accept_checked(self.world, self.settings, &self.request.caller, checked).await {
            Ok(results) => {
                let hints = results.iter().flatten().filter_map(|accepted| accepted.hint.clone()).collect();
                // The jobs are durable: a lost hint only delays them.
                self.takes_hints = self.takes_hints && send_hints(self.world, self.settings, hints).await;
                results
            }
            Err(problem) => {
                self.over = Some(problem.clone());
                refused.into_iter().map(|own| Err(own.unwrap_or_else(|| problem.clone()))).collect()
            }
        }
    }
}

/// Returns the problem if the line at `index` is not read: the request used all accepts of its plan, or its
/// time is over.
fn end_at(index: usize, accepts_left: usize, ms_left: i64, replaces: bool) -> Option<Problem> {
    let line = index + 1;
    let what = match (accepts_left, ms_left) {
        (0, _) => format!("Line {line} and those after it were not read"),
        (_, 0) => format!("After {} minutes, line {line} and those after it were not read", REQUEST_MS_MAX / 60_000),
        _ => return None,
    };
    // A second request with the rest would replace the lines of the first one.
    let advice =
        if replaces { "nothing was replaced" } else { "send them in another request, with another Idempotency-Key" };
    Some(Problem::TooLarge(format!("{what}; {advice}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stops_at_its_accepts_or_its_time() {
        let detail = |accepts_left, ms_left, replaces| end_at(7, accepts_left, ms_left, replaces)?.detail();
        assert_eq!(detail(1, 1, false), None);
        assert_eq!(
            detail(0, 1, false).unwrap(),
            "Line 8 and those after it were not read; send them in another request, with another Idempotency-Key"
        );
        assert_eq!(detail(0, 0, true).unwrap(), "Line 8 and those after it were not read; nothing was replaced");
        assert_eq!(
            detail(1, 0, false).unwrap(),
            "After 10 minutes, line 8 and those after it were not read; send them in another request, with another Idempotency-Key"
        );
    }
}
