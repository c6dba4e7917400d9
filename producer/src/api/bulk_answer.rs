//! The answer of a bulk request: a buffer between the intake, which never waits, and the caller, who may read it late or not
//! at all. When the buffer is full, further lines are only counted, and the summary says how many.

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

/// Bytes of the answer that a bulk request holds for a caller who does not read it: 20,000 accepted lines of 100 bytes. Lines
/// that are accepted beyond are counted in the summary alone. With the next one, ten callers who never read hold 40 MB.
const BULK_ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// Bytes beside those for lines that are refused: at least 4,000 of about 500 bytes.
const BULK_REFUSED_BYTES: usize = 2 * 1024 * 1024;

/// The end of the buffer that the intake writes to.
#[derive(Debug)]
pub(crate) struct BulkAnswer {
    /// Has no limit of its own: `unread` limits it by bytes.
    sender: UnboundedSender<Vec<u8>>,
    /// Bytes that the caller has not taken yet.
    unread: Rc<Cell<usize>>,
    /// Whether accepted lines get no line in the answer.
    only_refused: bool,
    unreported: Tally,
    request_id: String,
}

/// A new buffer: the end to write to, and what the caller reads.
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
    /// Adds the lines that fit, in their order, and counts the others. `line` writes one, and is asked for those alone that
    /// may fit.
    fn tell<T>(&mut self, results: impl IntoIterator<Item = (LineOutcome, T)>, line: impl Fn(T) -> String) {
        let mut lines = String::new();
        for (outcome, result) in results {
            if self.only_refused && outcome != LineOutcome::Rejected {
                continue;
            }
            let left = room(outcome).saturating_sub(self.unread.get() + lines.len());
            match (left > 0).then(|| line(result)).filter(|line| line.len() < left) {
                // Writing to a text cannot fail.
                Some(line) => drop(writeln!(lines, "{line}")),
                None => self.unreported.add(outcome),
            }
        }
        self.send(lines.into_bytes());
    }

    /// The lines that found no room, by outcome.
    pub(crate) fn unreported(&self) -> Tally {
        self.unreported
    }

    /// Adds the last line, which always fits. The answer ends when this end of it is dropped.
    pub(crate) fn sum_up(&mut self, summary: Vec<u8>) {
        self.send(summary);
    }

    fn send(&mut self, bytes: Vec<u8>) {
        let length = bytes.len();
        // A caller who has gone reads nothing, and fills no memory.
        if length > 0 && self.sender.unbounded_send(bytes).is_ok() {
            self.unread.set(self.unread.get() + length);
        }
    }
}

impl Results for BulkAnswer {
    fn add(&mut self, results: Vec<(usize, Result<Accepted, Problem>)>) {
        let request_id = self.request_id.clone();
        let told = results.iter().map(|(index, result)| (LineOutcome::of(result), (*index, result)));
        self.tell(told, |(index, result)| {
            // It has no other names than texts: writing it cannot fail.
            serde_json::to_string(&BatchResult::of_line(index, result, &request_id)).unwrap_or_default()
        });
    }
}

/// Bytes of unread answers up to which a line with that outcome is added. What was refused has room of its own: a caller
/// who reads late can do something about those lines alone.
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

    /// Writes lines of that length in one step.
    fn tell(answer: &mut BulkAnswer, outcome: LineOutcome, count: usize, length: usize) {
        answer.tell(vec![(outcome, ()); count], |()| "x".repeat(length - 1));
    }

    fn take(bytes: &mut Bytes) -> usize {
        bytes.next().now_or_never().flatten().map_or(0, |bytes| bytes.unwrap().len())
    }

    #[test]
    fn what_nobody_reads_is_bounded_and_counted() {
        let (mut answer, mut bytes) = bulk_answer(String::new(), false);
        for _ in 0..100 {
            tell(&mut answer, LineOutcome::Accepted, 500, 100);
            tell(&mut answer, LineOutcome::Duplicate, 500, 100);
            tell(&mut answer, LineOutcome::Rejected, 10, 500);
        }
        assert!(answer.unread.get() <= BULK_ANSWER_BYTES + BULK_REFUSED_BYTES);
        let unreported = json!(answer.unreported());
        assert_eq!(unreported["rejected"], 0, "the refused ones have room of their own: {unreported}");
        let count = |name: &str| unreported[name].as_u64().unwrap();
        let told = 100_000 - count("accepted") - count("duplicates");
        assert_eq!(usize::try_from(told).unwrap() * 100 + 1_000 * 500, answer.unread.get());
        tell(&mut answer, LineOutcome::Rejected, 10_000, 500);
        assert!(json!(answer.unreported())["rejected"].as_u64().unwrap() > 0);
        assert!(answer.unread.get() <= BULK_ANSWER_BYTES + BULK_REFUSED_BYTES);
        // Whoever reads at last makes room for what comes then.
        while take(&mut bytes) > 0 {}
        assert_eq!(answer.unread.get(), 0);
        tell(&mut answer, LineOutcome::Accepted, 1, 100);
        assert_eq!(take(&mut bytes), 100);
        answer.sum_up(b"summary".to_vec());
        assert_eq!(take(&mut bytes), 7);
        assert!(bytes.next().now_or_never().is_none(), "not before it is dropped");
        drop(answer);
        assert!(bytes.next().now_or_never().unwrap().is_none(), "the answer ends");
    }

    #[test]
    fn a_minimal_answer_has_the_refused_lines_alone() {
        let (mut answer, mut bytes) = bulk_answer(String::new(), true);
        tell(&mut answer, LineOutcome::Accepted, 500, 100);
        tell(&mut answer, LineOutcome::Duplicate, 500, 100);
        assert!(bytes.next().now_or_never().is_none(), "no empty piece is sent");
        tell(&mut answer, LineOutcome::Rejected, 3, 500);
        assert_eq!(take(&mut bytes), 1_500);
        assert_eq!(json!(answer.unreported()), json!(Tally::default()), "what nobody asked for is not missing");
    }

    #[test]
    fn a_caller_who_has_gone_fills_no_memory() {
        let (mut answer, bytes) = bulk_answer(String::new(), false);
        drop(bytes);
        tell(&mut answer, LineOutcome::Accepted, 500, 100);
        assert_eq!(answer.unread.get(), 0);
        answer.sum_up(b"summary".to_vec());
        assert_eq!(answer.unread.get(), 0);
    }
}
