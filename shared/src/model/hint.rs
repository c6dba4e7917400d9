//! The hint: a queue message that names jobs worth claiming. It carries no payload and no promise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::{
    HINT_DELAY_MS_MAX, MESSAGE_BYTES_MAX, QUEUE_DELAY_SECONDS_MAX, SEND_BATCH_BYTES_MAX, SEND_BATCH_MESSAGES_MAX,
};
use crate::model::job::JobRef;
use crate::ports::HintMessage;
use crate::wire::job_queue::JobQueue;

/// The version this build writes and reads.
pub const VERSION: u32 = 1;
/// What the queue adds to a message, in bytes, by its documentation.
const MESSAGE_OVERHEAD_BYTES: usize = 100;

/// A job that is worth claiming, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Which job.
    pub job: JobRef,
    /// In which queue.
    pub queue: JobQueue,
    /// In how many seconds.
    pub delay_seconds: u32,
}

impl Hint {
    /// A hint that leaves at once.
    pub fn now(job: JobRef, queue: JobQueue) -> Hint {
        Hint { job, queue, delay_seconds: 0 }
    }
}

/// Writes hints as the messages of each queue: jobs of one queue and delay share them.
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

/// Why a message is no hint of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableHint {
    /// A newer build wrote it; the sweep finds its jobs.
    #[error("the hint has a version this build does not know")]
    UnknownVersion,
    /// It is no hint at all; it becomes a malformed message.
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

/// Writes hints of at most `jobs_per_hint` jobs and never more bytes than a message may have.
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

/// The delay of a hint in whole seconds, rounded up, for a job that is due in so many milliseconds; `None` for one that
/// belongs to the sweep.
pub fn delay_seconds(ms: i64) -> Option<u32> {
    if ms > HINT_DELAY_MS_MAX {
        return None;
    }
    u32::try_from(ms.max(0)).ok().map(|ms| ms.div_ceil(1_000))
}

/// Groups messages into batches that `sendBatch` takes: at most 100 messages and 256,000 bytes.
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
    fn what_cannot_be_read_is_told_apart() {
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
