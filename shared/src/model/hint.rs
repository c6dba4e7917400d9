//! The hint: a queue message that names jobs worth claiming. It contains no payload and promises nothing.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::{
    EXPRESS_JOBS_MAX, EXPRESS_QUIET_MS, HINT_DELAY_MS_MAX, MESSAGE_BYTES_MAX, QUEUE_DELAY_SECONDS_MAX,
    SEND_BATCH_BYTES_MAX, SEND_BATCH_MESSAGES_MAX,
};
use crate::model::job::JobRef;
use crate::ports::HintMessage;
use crate::wire::job_queue::JobQueue;

/// Version of the hint format that this build writes and reads.
pub const VERSION: u32 = 1;
/// Bytes that the queue adds to a message, by its documentation.
const MESSAGE_OVERHEAD_BYTES: usize = 100;

/// A job that is worth claiming, and the time of the claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The job.
    pub job: JobRef,
    /// Queue of the message.
    pub queue: JobQueue,
    /// Delay of the message in seconds.
    pub delay_seconds: u32,
}

impl Hint {
    /// Creates a hint without a delay.
    pub fn now(job: JobRef, queue: JobQueue) -> Hint {
        Hint { job, queue, delay_seconds: 0 }
    }
}

/// Pace of an isolate's hints. After a quiet time the next message goes to the queue that does not wait for more: with
/// so few jobs there is nothing to batch, and a wait would only delay them.
#[derive(Debug, Default)]
pub struct Pace {
    last_ms: Cell<Option<i64>>,
}

impl Pace {
    /// Creates the pace of an isolate that has sent no hint.
    pub const fn new() -> Pace {
        Pace { last_ms: Cell::new(None) }
    }

    /// Moves the hints of [`JobQueue::Webhooks`] without a delay to [`JobQueue::Express`], if there are at most
    /// [`EXPRESS_JOBS_MAX`] and the last such hints are at least [`EXPRESS_QUIET_MS`] old. The queue of tasks never waits.
    pub fn choose_queue(&self, now_ms: i64, hints: &mut [Hint]) {
        let waits = |hint: &Hint| hint.queue == JobQueue::Webhooks && hint.delay_seconds == 0;
        let waiting = hints.iter().filter(|hint| waits(hint)).count();
        if waiting == 0 {
            return;
        }
        let last_ms = self.last_ms.replace(Some(now_ms));
        let is_quiet = last_ms.is_none_or(|last_ms| now_ms - last_ms >= EXPRESS_QUIET_MS);
        if is_quiet && waiting <= EXPRESS_JOBS_MAX {
            hints.iter_mut().filter(|hint| waits(hint)).for_each(|hint| hint.queue = JobQueue::Express);
        }
    }
}

/// Writes hints as messages, grouped by queue. Jobs of the same queue and delay share messages.
pub fn into_messages(hints: Vec<Hint>, jobs_per_hint: usize) -> BTreeMap<JobQueue, Vec<HintMessage>> {
    let mut alike: BTreeMap<(JobQueue, u32), Vec<JobRef>> = BTreeMap::new();
    for Hint { job, queue, delay_seconds } in hints {
        alike.entry((queue, delay_seconds)).or_default().push(job);
    }
    let mut messages: BTreeMap<JobQueue, Vec<HintMessage>> = BTreeMap::new();
    for ((queue, delay_seconds), jobs) in alike {
        let texts = encode(&jobs, queue.at_once(jobs_per_hint)).into_iter();
        messages
            .entry(queue)
            .or_default()
            .extend(texts.map(|text| HintMessage { text, delay_seconds: delay_seconds.min(QUEUE_DELAY_SECONDS_MAX) }));
    }
    messages
}

#[derive(Serialize, Deserialize)]
struct HintBody {
    v: u32,
    jobs: Vec<JobRef>,
}

/// Reason why a message is not a hint of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableHint {
    /// A newer build wrote the hint; the sweep finds its jobs.
    #[error("the hint has a version this build does not know")]
    UnknownVersion,
    /// The message is not a hint; it becomes a malformed message.
    #[error("the message is not a hint")]
    Undecodable,
}

/// Reads a hint.
///
/// # Errors
/// When the message is not a hint of this version.
pub fn decode(text: &str) -> Result<Vec<JobRef>, UnreadableHint> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    let versioned: Versioned = serde_json::from_str(text).map_err(|_| UnreadableHint::Undecodable)?;
    if versioned.v != VERSION {
        return Err(UnreadableHint::UnknownVersion);
    }
    let message: HintBody = serde_json::from_str(text).map_err(|_| UnreadableHint::Undecodable)?;
    Ok(message.jobs)
}

/// Writes hints with at most `jobs_per_hint` jobs each, and splits those that exceed the size limit of a message.
pub fn encode(jobs: &[JobRef], jobs_per_hint: usize) -> Vec<String> {
    jobs.chunks(jobs_per_hint.max(1)).flat_map(encode_chunk).collect()
}

fn encode_chunk(jobs: &[JobRef]) -> Vec<String> {
    let text = serde_json::to_string(&HintBody { v: VERSION, jobs: jobs.to_vec() }).unwrap_or_default();
    if text.len() + MESSAGE_OVERHEAD_BYTES <= MESSAGE_BYTES_MAX || jobs.len() == 1 {
        return vec![text];
    }
    let (front, back) = jobs.split_at(jobs.len() / 2);
    [encode_chunk(front), encode_chunk(back)].concat()
}

/// Returns the delay of a hint in whole seconds, rounded up, for a job that is due in `ms` milliseconds; `None` if the
/// job is left to the sweep.
pub fn delay_seconds(ms: i64) -> Option<u32> {
    if ms > HINT_DELAY_MS_MAX {
        return None;
    }
    u32::try_from(ms.max(0)).ok().map(|ms| ms.div_ceil(1_000))
}

/// Groups messages into batches that `sendBatch` accepts: at most 100 messages and 256,000 bytes each.
pub fn batches(messages: &[HintMessage]) -> Vec<&[HintMessage]> {
    let (mut batches, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, message) in messages.iter().enumerate() {
        let size = message.text.len() + MESSAGE_OVERHEAD_BYTES;
        if at - from == SEND_BATCH_MESSAGES_MAX || bytes + size > SEND_BATCH_BYTES_MAX {
            batches.push(&messages[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    batches.push(&messages[from..]);
    batches.retain(|batch| !batch.is_empty());
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn delays_are_rounded_up_and_long_ones_belong_to_the_sweep() {
        let seconds = [-5_000, 0, 1, 1_000, 1_001, 120_000, 120_001].map(delay_seconds);
        assert_eq!(seconds, [Some(0), Some(0), Some(1), Some(1), Some(2), Some(120), None]);
    }

    #[test]
    fn no_delay_is_longer_than_the_queue_takes() {
        let hint = Hint { job: job(1, 1), queue: JobQueue::Webhooks, delay_seconds: 1_000_000 };
        assert_eq!(into_messages(vec![hint], 1)[&JobQueue::Webhooks][0].delay_seconds, 86_400);
    }

    #[test]
    fn only_a_first_message_after_a_quiet_second_is_express() {
        let pace = Pace::new();
        let queues = |now_ms, count, queue, delay_seconds| {
            let mut hints = vec![Hint { job: job(1, 1), queue, delay_seconds }; count];
            pace.choose_queue(now_ms, &mut hints);
            hints.into_iter().map(|hint| hint.queue).collect::<Vec<_>>()
        };
        let at = |now_ms, count| queues(now_ms, count, JobQueue::Webhooks, 0);
        assert_eq!(at(0, 1), [JobQueue::Express], "a new isolate");
        assert_eq!(at(999, 1), [JobQueue::Webhooks]);
        assert_eq!(at(1_998, 1), [JobQueue::Webhooks], "each hint ends the quiet time");
        assert_eq!(at(2_998, 5), [JobQueue::Express; 5]);
        assert_eq!(at(3_998, 6), [JobQueue::Webhooks; 6], "a batch");
        // Neither these nor a clock that goes back is a reason to hurry.
        assert_eq!(queues(5_000, 1, JobQueue::Tasks, 0), [JobQueue::Tasks]);
        assert_eq!(queues(5_000, 1, JobQueue::Webhooks, 60), [JobQueue::Webhooks]);
        assert_eq!(queues(4_998, 1, JobQueue::Webhooks, 0), [JobQueue::Express], "they do not count as hints either");
        assert_eq!(queues(4_000, 1, JobQueue::Webhooks, 0), [JobQueue::Webhooks]);
    }

    fn job(number: usize, tenant: usize) -> JobRef {
        JobRef { tenant: "t".repeat(tenant), id: format!("job_00{number:026}") }
    }

    #[test]
    fn the_wire_format_is_pinned() {
        let jobs = vec![JobRef { tenant: "acme".into(), id: "job_1".into() }];
        assert_eq!(encode(&jobs, 100), [r#"{"v":1,"jobs":[["acme","job_1"]]}"#]);
        assert_eq!(decode(r#"{"v":1,"jobs":[["acme","job_1"]]}"#), Ok(jobs));
    }

    #[test]
    fn an_unknown_version_is_not_an_undecodable_message() {
        assert_eq!(decode(r#"{"v":2,"what":"ever"}"#), Err(UnreadableHint::UnknownVersion));
        for text in ["", "hello", "{}", r#"{"v":1}"#, r#"{"v":1,"jobs":[["a"]]}"#, r#"{"v":"1","jobs":[]}"#] {
            assert_eq!(decode(text), Err(UnreadableHint::Undecodable), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_message_and_no_batch_is_too_large(count in 0usize..2_000, per_hint in 0usize..500, tenant in 1usize..2_000) {
            let jobs: Vec<_> = (0..count).map(|number| job(number, tenant)).collect();
            let messages = encode(&jobs, per_hint);
            let read: Vec<_> = messages.iter().flat_map(|text| decode(text).unwrap()).collect();
            prop_assert_eq!(read, jobs);
            let messages: Vec<_> = messages.into_iter().map(|text| HintMessage { text, delay_seconds: 0 }).collect();
            let batches = batches(&messages);
            prop_assert_eq!(batches.concat(), &messages[..]);
            for batch in batches {
                prop_assert!((1..=SEND_BATCH_MESSAGES_MAX).contains(&batch.len()));
                prop_assert!(batch.iter().map(|message| message.text.len() + 100).sum::<usize>() <= SEND_BATCH_BYTES_MAX);
                prop_assert!(batch.iter().all(|message| message.text.len() + 100 <= MESSAGE_BYTES_MAX));
            }
        }
    }
}
