//! Bulk intake: jobs, or documents that become jobs, as lines of JSON, accepted while they come and answered one line each.
//! The intake waits for lines and for the store, never for whoever reads the answer: a caller may send everything first.
//! Memory holds what one accept takes and a bounded answer, however many lines there are; the connection may break at any
//! byte, and a repeat with the same key adds nothing.

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

/// Who sends lines, and what they are.
#[derive(Debug)]
pub struct BulkRequest {
    /// Whose jobs they become.
    pub caller: Caller,
    /// The idempotency key of the request: with the number of a line it is that line's key.
    pub key: Option<String>,
    /// What the lines are unless they are jobs.
    pub documents: Option<Documents>,
}

/// The lines of a request, as they come.
#[allow(async_fn_in_trait)]
pub trait LineSource {
    /// The next line that is whole already; a line that is too long, or no text, is a refusal of its own.
    fn next_whole(&mut self) -> Option<Result<String, Problem>>;

    /// Whether no more will come.
    fn has_ended(&self) -> bool;

    /// Waits for more, or for the end. Dropped while it waits, it loses nothing.
    ///
    /// # Errors
    /// Why no more can be read: the body broke off, or is too long.
    async fn more(&mut self) -> Result<(), Problem>;
}

/// Where the results of lines go.
pub trait Results {
    /// Takes the results of one accept in, each with the number of its line.
    fn add(&mut self, results: Vec<(usize, Result<Accepted, Problem>)>);
}

/// How a bulk request ended.
#[derive(Debug)]
pub struct Summary {
    /// How many lines had each outcome.
    pub tally: Tally,
    /// The job that removes what the documents replace.
    pub removal: Option<String>,
    /// Why lines were left unread, or nothing is replaced.
    pub problem: Option<Problem>,
    /// What the lines were unless they were jobs.
    pub documents: Option<Documents>,
}

/// The last line of the answer to lines.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct BulkSummary<'a> {
    summary: Tally,
    /// Those of them that have no line here, because the caller did not read in time.
    unreported: Tally,
    /// Why the lines after the last one that is answered were not read, or with `replace` that there was no document, so that
    /// nothing was removed; null if all were read.
    problem: Option<ProblemDocument<'a>>,
}

/// The last line of the answer to documents.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DocumentsSummary<'a> {
    #[serde(flatten)]
    bulk: BulkSummary<'a>,
    /// The group of all its jobs.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    group: &'a str,
    /// The job that removes what the documents replace. Null without `replace`, and if a line was refused or not read, or there
    /// was none.
    removal: Option<&'a str>,
}

impl Summary {
    /// The last line of the answer, which has no lines for `unreported`.
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

/// One bulk request under way.
pub struct Intake<'a, W, L> {
    world: &'a W,
    settings: &'a Settings,
    request: BulkRequest,
    lines: &'a mut L,
    /// When its reading ends, in ms.
    until: i64,
    /// The number of the next line, from 0.
    index: usize,
    accepts: usize,
    tally: Tally,
    /// The earliest of its jobs.
    first: Option<String>,
    /// Whether the queue takes messages today.
    takes_hints: bool,
    /// Why no further line is read.
    over: Option<Problem>,
}

impl<'a, W: World, L: LineSource> Intake<'a, W, L> {
    /// The intake of a request whose key may enqueue.
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

    /// Accepts lines until they end, or one of them cannot be read.
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

    /// Reads and checks what one accept takes: as much as fits, or less when the body pauses or ends.
    async fn gather(&mut self) -> Vec<(usize, Checked)> {
        let (mut checked, mut bytes) = (Vec::new(), 0);
        while checked.len() < BULK_LINES_AT_ONCE && bytes < BULK_BYTES_AT_ONCE {
            if let Some(line) = self.lines.next_whole() {
                let index = self.index;
                self.index += 1;
                // An empty line is none, but it counts: a line's number is its number in the file.
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
                // The time is over, which the next round tells.
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

    /// Waits for more, for `pause_ms` at most; says whether there may be another line, or the body paused or ended.
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

    /// Accepts of lines that are left: what replaces a source needs one more in the end.
    fn accepts_left(&self) -> usize {
        self.settings.plan.bulk_accepts.saturating_sub(usize::from(self.replaces()) + self.accepts)
    }

    /// How long it is still read.
    fn ms_left(&self) -> i64 {
        (self.until - self.world.now_ms()).clamp(0, REQUEST_MS_MAX)
    }

    fn replaces(&self) -> bool {
        self.request.documents.as_ref().is_some_and(Documents::replace)
    }

    /// Accepts the job that removes what the documents replace; none if one of them is not durable, or if there are none, which
    /// is told.
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
        // As long as that of the first line: a key that is too long is told with that one.
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
        // One key for the whole request stands for one key per line.
        let key = self.request.key.as_ref().map(|key| format!("{key}:{index}"));
        match &self.request.documents {
            None => check(self.world, self.settings, line.as_bytes(), index, key),
            Some(documents) => documents.check(self.world, self.settings, line.as_bytes(), index, key),
        }
    }

    /// Accepts lines and hints their jobs. When the store does not take them, that is the answer to each, and the end.
    async fn accept(&mut self, checked: Vec<Checked>) -> Vec<Result<Accepted, Problem>> {
        let refused: Vec<_> = checked.iter().map(|line| line.as_ref().err().cloned()).collect();
        self.accepts += 1;
        match accept_checked(self.world, self.settings, &self.request.caller, checked).await {
            Ok(results) => {
                let hints = results.iter().flatten().filter_map(|accepted| accepted.hint.clone()).collect();
                // The jobs are durable: a lost hint costs only time.
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

/// Why the line at that place and those after it are not read, if so: the request has made the accepts of its plan, or its time
/// is over.
fn end_at(index: usize, accepts_left: usize, ms_left: i64, replaces: bool) -> Option<Problem> {
    let line = index + 1;
    let what = match (accepts_left, ms_left) {
        (0, _) => format!("Line {line} and those after it were not read"),
        (_, 0) => format!("After {} minutes, line {line} and those after it were not read", REQUEST_MS_MAX / 60_000),
        _ => return None,
    };
    // The rest in another request would take the place of those before.
    let advice =
        if replaces { "nothing was replaced" } else { "send them in another request, with another Idempotency-Key" };
    Some(Problem::TooLarge(format!("{what}; {advice}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_accepts_or_its_time() {
        let told = |accepts_left, ms_left, replaces| end_at(7, accepts_left, ms_left, replaces)?.detail();
        assert_eq!(told(1, 1, false), None);
        assert_eq!(
            told(0, 1, false).unwrap(),
            "Line 8 and those after it were not read; send them in another request, with another Idempotency-Key"
        );
        assert_eq!(told(0, 0, true).unwrap(), "Line 8 and those after it were not read; nothing was replaced");
        assert_eq!(
            told(1, 0, false).unwrap(),
            "After 10 minutes, line 8 and those after it were not read; send them in another request, with another Idempotency-Key"
        );
    }
}
