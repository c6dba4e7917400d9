//! Bulk intake: jobs, or documents that become jobs, as lines of JSON, accepted while they come and answered one line each.
//! The intake waits for lines and for the store, never for whoever reads the answer: a caller may send everything first.
//! Memory holds what one accept takes and a bounded answer, however many lines there are; the connection may break at any
//! byte, and a repeat with the same key adds nothing.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use longshore::accept::authorize::Caller;
use longshore::accept::documents::Documents;
use longshore::accept::insert::Accepted;
use longshore::accept::request::{NewJob, check};
use longshore::cloudflare::CloudflareWorld;
use longshore::limits::{BULK_BYTES_AT_ONCE, BULK_LINES_AT_ONCE, BULK_PAUSE_MS, JOB_REQUEST_BYTES_MAX, REQUEST_MS_MAX};
use longshore::ports::Clock;
use longshore::settings::Settings;
use longshore::store::notify::send_hints;
use longshore::wire::ndjson::{BYTE_ORDER_MARK, as_lines};
use longshore::wire::problem::Problem;
use serde_json::{Value, json};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, LinesCodec, LinesCodecError};

use crate::answer::Answer;
use crate::api::accept::{Outcome, Tally, accept_checked, preference_applied, result_json};
use crate::api::bulk_answer::{BulkAnswer, bulk_answer};
use crate::body::RequestBody;
use crate::context::ApiContext;
use crate::problem::document;

type Checked = Result<NewJob, Problem>;

/// Lines as they come: a network's pieces on one side, whole lines on the other.
struct Lines {
    body: RequestBody,
    buffer: BytesMut,
    codec: LinesCodec,
    ended: bool,
}

impl Lines {
    fn new(body: RequestBody, line_bytes_max: usize) -> Lines {
        let codec = LinesCodec::new_with_max_length(line_bytes_max);
        Lines { body, buffer: BytesMut::new(), codec, ended: false }
    }

    /// The next line that is whole already; a line that is too long, or no text, is a refusal of its own.
    fn next_whole(&mut self) -> Option<Result<String, Problem>> {
        let line =
            if self.ended { self.codec.decode_eof(&mut self.buffer) } else { self.codec.decode(&mut self.buffer) };
        match line {
            // Files that were put together have the mark at the beginning of any line.
            Ok(line) => line.map(|line| Ok(line.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(line))),
            Err(LinesCodecError::MaxLineLengthExceeded) => Some(Err(Problem::TooLarge("The line is too long.".into()))),
            Err(LinesCodecError::Io(_)) => Some(Err(Problem::NotJson("The line is not UTF-8.".into()))),
        }
    }

    /// Waits so long for more; answers whether there is more, or the body paused.
    async fn more<C: Clock>(&mut self, clock: &C, pause_ms: i64) -> Result<bool, Problem> {
        if self.ended {
            return Ok(false);
        }
        let wait = clock.sleep(Duration::from_millis(pause_ms.unsigned_abs()));
        let next = match select(pin!(self.body.next()), pin!(wait)).await {
            Either::Left((next, _)) => next?,
            Either::Right(_) => return Ok(false),
        };
        match next {
            Some(bytes) => self.buffer.extend_from_slice(&bytes),
            None => self.ended = true,
        }
        Ok(true)
    }
}

/// One bulk request under way.
struct Intake {
    world: CloudflareWorld,
    settings: Settings,
    caller: Caller,
    key: Option<String>,
    /// What the lines are unless they are jobs.
    documents: Option<Documents>,
    request_id: String,
    lines: Lines,
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

/// Accepts the lines of a request whose key may enqueue: jobs, or the documents of an index.
pub(crate) fn create_jobs(
    context: &mut ApiContext,
    caller: Caller,
    key: Option<String>,
    documents: Option<Documents>,
) -> Result<Answer, Problem> {
    let body = context.request.take_lines()?;
    let settings = context.settings.clone();
    let group = documents.as_ref().map(|documents| documents.group().to_owned());
    let world = CloudflareWorld::new(&context.env).map_err(|_| Problem::Internal)?;
    let intake = Intake {
        until: world.now_ms() + REQUEST_MS_MAX,
        world,
        lines: Lines::new(body, JOB_REQUEST_BYTES_MAX),
        settings,
        caller,
        key,
        documents,
        request_id: context.request_id.clone(),
        index: 0,
        accepts: 0,
        tally: Tally::default(),
        first: None,
        takes_hints: true,
        over: None,
    };
    let minimal = context.request.prefers_minimal();
    let (write, read) = bulk_answer(minimal);
    // Not driven by the reader: one who reads only after having sent everything would wait for ever.
    context.worker.wait_until(intake.run(write));
    let answer = preference_applied(Answer::lines(read), minimal);
    Ok(group.into_iter().fold(answer, |answer, group| answer.with_header("longshore-group", group)))
}

impl Intake {
    /// Accepts lines until they end, or one of them cannot be read, and sums up.
    async fn run(mut self, mut answer: BulkAnswer) {
        while self.over.is_none() {
            let checked = self.gather().await;
            if checked.is_empty() {
                break;
            }
            let (numbers, checked): (Vec<_>, Vec<_>) = checked.into_iter().unzip();
            let results = self.accept(checked).await;
            self.tally.count(&results);
            let ids = results.iter().flatten().map(|accepted| accepted.job.id.clone());
            self.first = self.first.take().into_iter().chain(ids).min();
            let told = numbers.into_iter().zip(&results).map(|told| (Outcome::of(told.1), told));
            answer.tell(told, |(index, result)| result_json(index, result, &self.request_id).to_string());
        }
        let removal = self.remove_the_rest().await;
        let summary = self.summary(removal.as_ref(), answer.unreported());
        answer.sum_up(summary);
        // When it ended early: a caller who sends everything first comes to read the answer only so. It ends after that.
        self.lines.body.pass_over().await;
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
            if left == 0 && !self.lines.ended {
                self.over = end_at(self.index, 1, left, self.replaces());
                break;
            }
            let pause = if checked.is_empty() { left } else { left.min(BULK_PAUSE_MS) };
            match self.lines.more(&self.world, pause).await {
                Ok(true) => {}
                // The time is over, which the next round tells.
                Ok(false) if checked.is_empty() && !self.lines.ended => {}
                Ok(false) => break,
                Err(problem) => {
                    self.over = Some(problem);
                    break;
                }
            }
        }
        checked
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
        self.documents.as_ref().is_some_and(Documents::replace)
    }

    /// Accepts the job that removes what the documents replace; none if one of them is not durable, or if there are none, which
    /// is told.
    async fn remove_the_rest(&mut self) -> Option<String> {
        if self.over.is_some() || !self.tally.is_whole() {
            return None;
        }
        let documents = self.documents.as_ref()?;
        let Some(first) = &self.first else {
            self.over = documents.nothing_replaces();
            return None;
        };
        let job = documents.removal(first)?;
        // As long as that of the first line: a key that is too long is told with that one.
        let key = self.key.as_ref().map(|key| format!("{key}:r"));
        let checked = check(&self.world, &self.settings, &job, 0, key);
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
        let key = self.key.as_ref().map(|key| format!("{key}:{index}"));
        match &self.documents {
            None => check(&self.world, &self.settings, line.as_bytes(), index, key),
            Some(documents) => documents.check(&self.world, &self.settings, line.as_bytes(), index, key),
        }
    }

    /// Accepts lines and hints their jobs. When the store does not take them, that is the answer to each, and the end.
    async fn accept(&mut self, checked: Vec<Checked>) -> Vec<Result<Accepted, Problem>> {
        let refused: Vec<_> = checked.iter().map(|line| line.as_ref().err().cloned()).collect();
        self.accepts += 1;
        match accept_checked(&self.world, &self.settings, &self.caller, checked).await {
            Ok(results) => {
                let hints = results.iter().flatten().filter_map(|accepted| accepted.hint.clone()).collect();
                // The jobs are durable: a lost hint costs only time.
                self.takes_hints = self.takes_hints && send_hints(&self.world, &self.settings, hints).await;
                results
            }
            Err(problem) => {
                self.over = Some(problem.clone());
                refused.into_iter().map(|own| Err(own.unwrap_or_else(|| problem.clone()))).collect()
            }
        }
    }

    fn summary(&self, removal: Option<&String>, unreported: &Tally) -> Vec<u8> {
        let problem = self.over.as_ref().map_or(Value::Null, |problem| document(problem, &self.request_id));
        let mut summary = json!({"summary": self.tally, "unreported": unreported, "problem": problem});
        if let Some(documents) = &self.documents {
            summary["group"] = json!(documents.group());
            if documents.replace() {
                summary["removal"] = json!(removal);
            }
        }
        as_lines([summary]).into_bytes()
    }
}

/// Why the line of that number and those after it are not read, if so: the request has made the accepts of its plan, or its time
/// is over.
fn end_at(index: usize, accepts_left: usize, ms_left: i64, replaces: bool) -> Option<Problem> {
    let what = match (accepts_left, ms_left) {
        (0, _) => format!("Line {index} and those after it were not read"),
        (_, 0) => format!("After {} minutes line {index} and those after it were not read", REQUEST_MS_MAX / 60_000),
        _ => return None,
    };
    // The rest in another request would take the place of those before.
    let advice =
        if replaces { "nothing is replaced." } else { "send them in another request, with another Idempotency-Key." };
    Some(Problem::TooLarge(format!("{what}: {advice}")))
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
            "Line 7 and those after it were not read: send them in another request, with another Idempotency-Key."
        );
        assert_eq!(told(0, 0, true).unwrap(), "Line 7 and those after it were not read: nothing is replaced.");
        assert_eq!(
            told(1, 0, false).unwrap(),
            "After 10 minutes line 7 and those after it were not read: send them in another request, with another Idempotency-Key."
        );
    }
}
