//! Response of a bulk request: a buffer between the intake, which never waits, and the caller, who may read late or not
//! at all. When the buffer is full, further lines are only counted, and the summary contains their number.

use std::cell::Cell;
use std::fmt::Write;
use std::rc::Rc;

use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_util::StreamExt;
use longshore::accept::accepted::Accepted;
use longshore::accept::bulk::Results;
use longshore::accept::results::{BatchResult, LineOutcome, Tally};
use longshore::wire::problem::Problem;

use crate::answer::Bytes;

/// Maximum bytes of unread response per bulk request: 20,000 accepted lines of 100 bytes. Accepted lines beyond that
/// are only counted in the summary. Together with [`BULK_REFUSED_BYTES`], ten callers who never read hold 40 MB.
const BULK_ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// Additional bytes for rejected lines: at least 4,000 of about 500 bytes.
const BULK_REFUSED_BYTES: usize = 2 * 1024 * 1024;

/// Writing end of the buffer.
#[derive(Debug)]
pub(crate) struct BulkAnswer {
    /// Unbounded channel: `unread` limits its bytes.
    sender: UnboundedSender<Vec<u8>>,
    /// Number of bytes that the caller has not read yet.
    unread: Rc<Cell<usize>>,
    /// True if accepted lines get no result line.
    only_refused: bool,
    unreported: Tally,
    request_id: String,
}

/// Creates a buffer. Returns its writing end and the bytes that the caller reads.
pub(crate) fn bulk_answer(request_id: String, only_refused: bool) -> (BulkAnswer, Bytes) {
    let (sender, receiver) = unbounded::<Vec<u8>>();
    let unread = Rc::new(Cell::new(0_usize));
    let left = Rc::clone(&unread);
    let bytes = receiver.map(move |bytes| {
        left.set(left.get().saturating_sub(bytes.len()));
        Ok(bytes)
    });
    (BulkAnswer { sender, unread, only_refused, unreported: Tally::default(), request_id }, bytes.boxed_local())
}

impl BulkAnswer {
    /// Adds the result lines that fit, in order, and counts the others. `line` formats one result; it is only called if
    /// there is room left.
    fn add_lines<T>(&mut self, results: impl IntoIterator<Item = (LineOutcome, T)>, line: impl Fn(T) -> String) {
        let mut lines = String::new();
        for (outcome, result) in results {
            if self.only_refused && outcome != LineOutcome::Rejected {
                continue;
            }
            let left = room(outcome).saturating_sub(self.unread.get() + lines.len());
            match (left > 0).then(|| line(result)).filter(|line| line.len() < left) {
                // Writing to a string cannot fail.
                Some(line) => drop(writeln!(lines, "{line}")),
                None => self.unreported.add(outcome),
            }
        }
        self.send(lines.into_bytes());
    }

    /// Returns the number of lines that did not fit, by outcome.
    pub(crate) fn unreported(&self) -> Tally {
        self.unreported
    }

    /// Adds the last line, which always fits. The response ends when this end is dropped.
    pub(crate) fn sum_up(&mut self, summary: Vec<u8>) {
        self.send(summary);
    }

    fn send(&mut self, bytes: Vec<u8>) {
        let length = bytes.len();
        // After the caller has disconnected, nothing is buffered.
        if length > 0 && self.sender.unbounded_send(bytes).is_ok() {
            self.unread.set(self.unread.get() + length);
        }
    }
}

impl Results for BulkAnswer {
    fn add(&mut self, results: Vec<(usize, Result<Accepted, Problem>)>) {
        let request_id = self.request_id.clone();
        let outcomes = results.iter().map(|(index, result)| (LineOutcome::of(result), (*index, result)));
        self.add_lines(outcomes, |(index, result)| {
            // All map keys are strings, so that serialization cannot fail.
            serde_json::to_string(&BatchResult::of_line(index, result, &request_id)).unwrap_or_default()
        });
    }
}

/// Returns the number of unread bytes up to which a line of this outcome is added. Rejected lines have additional room:
/// they are the ones that a caller must act on.
fn room(outcome: LineOutcome) -> usize {
    match outcome {
        LineOutcome::Accepted | LineOutcome::Duplicate => BULK_ANSWER_BYTES,
        LineOutcome::Rejected => BULK_ANSWER_BYTES + BULK_REFUSED_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::json;

    use super::*;

    /// Writes `count` lines of `length` bytes in one step.
    fn write(answer: &mut BulkAnswer, outcome: LineOutcome, count: usize, length: usize) {
        answer.add_lines(vec![(outcome, ()); count], |()| "x".repeat(length - 1));
    }

    fn take(bytes: &mut Bytes) -> usize {
        bytes.next().now_or_never().flatten().map_or(0, |bytes| bytes.unwrap().len())
    }

    #[test]
    fn unread_lines_are_bounded_and_counted() {
        let (mut answer, mut bytes) = bulk_answer(String::new(), false);
        for _ in 0..100 {
            write(&mut answer, LineOutcome::Accepted, 500, 100);
            write(&mut answer, LineOutcome::Duplicate, 500, 100);
            write(&mut answer, LineOutcome::Rejected, 10, 500);
        }
        assert!(answer.unread.get() <= BULK_ANSWER_BYTES + BULK_REFUSED_BYTES);
        let unreported = json!(answer.unreported());
        assert_eq!(unreported["rejected"], 0, "rejected lines have additional room: {unreported}");
        let count = |name: &str| unreported[name].as_u64().unwrap();
        let reported = 100_000 - count("accepted") - count("duplicates");
        assert_eq!(usize::try_from(reported).unwrap() * 100 + 1_000 * 500, answer.unread.get());
        write(&mut answer, LineOutcome::Rejected, 10_000, 500);
        assert!(json!(answer.unreported())["rejected"].as_u64().unwrap() > 0);
        assert!(answer.unread.get() <= BULK_ANSWER_BYTES + BULK_REFUSED_BYTES);
        // Reading makes room for further lines.
        while take(&mut bytes) > 0 {}
        assert_eq!(answer.unread.get(), 0);
        write(&mut answer, LineOutcome::Accepted, 1, 100);
        assert_eq!(take(&mut bytes), 100);
        answer.sum_up(b"summary".to_vec());
        assert_eq!(take(&mut bytes), 7);
        assert!(bytes.next().now_or_never().is_none(), "the response ends only when the writer is dropped");
        drop(answer);
        assert!(bytes.next().now_or_never().unwrap().is_none(), "the answer ends");
    }

    #[test]
    fn a_minimal_answer_has_only_rejected_lines() {
        let (mut answer, mut bytes) = bulk_answer(String::new(), true);
        write(&mut answer, LineOutcome::Accepted, 500, 100);
        write(&mut answer, LineOutcome::Duplicate, 500, 100);
        assert!(bytes.next().now_or_never().is_none(), "no empty piece is sent");
        write(&mut answer, LineOutcome::Rejected, 3, 500);
        assert_eq!(take(&mut bytes), 1_500);
        assert_eq!(json!(answer.unreported()), json!(Tally::default()), "omitted lines are not unreported");
    }

    #[test]
    fn a_disconnected_caller_uses_no_memory() {
        let (mut answer, bytes) = bulk_answer(String::new(), false);
        drop(bytes);
        write(&mut answer, LineOutcome::Accepted, 500, 100);
        assert_eq!(answer.unread.get(), 0);
        answer.sum_up(b"summary".to_vec());
        assert_eq!(answer.unread.get(), 0);
    }
}
