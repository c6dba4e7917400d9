//! Queue consumption: reads a batch of messages, runs their jobs, then acks or retries each message.

use crate::limits::QUEUE_DELAY_SECONDS_MAX;
use crate::manage::malformed_messages::keep_malformed_message;
use crate::manage::operate::wake;
use crate::model::hint::{UnreadableHint, decode};
use crate::model::job::JobRef;
use crate::ports::{DatabaseError, World};
use crate::run::process::{process, process_quarantined};
use crate::settings::{Feed, QueueNames, Settings};
use crate::wire::daily_limit::seconds_to_reset;
use crate::wire::job_queue::JobQueue;

/// Delay in seconds before the queue delivers messages again while the database is out of reach.
pub const RETRY_SECONDS: u32 = 30;

/// Body of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageBody {
    /// Text; every hint is text.
    Text(String),
    /// Bytes of any other body.
    Other(Vec<u8>),
}

/// A message that the queue has delivered. When the handler returns, the platform acks each message that was neither
/// acked nor retried.
pub trait QueueMessage {
    /// Returns the message id, which is the same for each delivery.
    fn id(&self) -> String;
    /// Returns the body.
    fn body(&self) -> MessageBody;
    /// Acks the message, which removes it from the queue.
    fn ack(&self);
    /// Requests another delivery, after `delay_seconds` at the earliest.
    fn retry(&self, delay_seconds: u32);
}

/// Runs the jobs that a batch names. `queue` is the name of the queue that delivered it.
pub async fn consume<W: World, M: QueueMessage>(
    world: &W,
    settings: &Settings,
    queues: &QueueNames,
    queue: &str,
    messages: Vec<M>,
) {
    let (hints, jobs) = read(world, queue, messages).await;
    if hints.is_empty() {
        return; // All messages were malformed or of an unknown version; `read` has handled them.
    }
    match queues.feed(queue) {
        Some(Feed::Hints(queue)) => run(world, settings, queue, &hints, jobs).await,
        Some(Feed::DeadHints) => wake_all(world, &hints, &jobs, "retries_exhausted").await,
        // The sweep sends hints for woken jobs to their own queues.
        None => wake_all(world, &hints, &jobs, "unknown_queue").await,
    }
}

/// Retries messages, because the database is out of reach or the deployment is not configured.
pub fn retry(messages: &[impl QueueMessage]) {
    for message in messages {
        message.retry(RETRY_SECONDS);
    }
}

/// Returns the messages that are hints, and the jobs that they name. Handles all other messages itself.
async fn read<W: World, M: QueueMessage>(world: &W, queue: &str, messages: Vec<M>) -> (Vec<M>, Vec<JobRef>) {
    let (mut hints, mut jobs) = (Vec::new(), Vec::new());
    for message in messages {
        let body = message.body();
        let decoded = match &body {
            MessageBody::Text(text) => decode(text),
            MessageBody::Other(_) => Err(UnreadableHint::Undecodable),
        };
        match decoded {
            Ok(named) => {
                jobs.extend(named);
                hints.push(message);
            }
            Err(UnreadableHint::UnknownVersion) => {
                tracing::warn!(message_id = message.id(), "hint_version_unknown");
                message.ack();
            }
            Err(UnreadableHint::Undecodable) => keep(world, queue, &message, body).await,
        }
    }
    (hints, jobs)
}

/// Stores a malformed message with its bytes, then acks it.
async fn keep<W: World>(world: &W, queue: &str, message: &impl QueueMessage, body: MessageBody) {
    let bytes = match body {
        MessageBody::Text(text) => text.into_bytes(),
        MessageBody::Other(bytes) => bytes,
    };
    match keep_malformed_message(world, &message.id(), queue, "not a hint", &bytes).await {
        Ok(()) => {
            tracing::warn!(message_id = message.id(), "malformed_message_stored");
            message.ack();
        }
        // The sweep cannot replace this message as it replaces hints, so the queue keeps it until midnight.
        Err(error @ DatabaseError::DailyLimit(_)) => {
            tracing::error!(%error, "malformed_message_postponed");
            let seconds = seconds_to_reset(world.now_ms()) + RETRY_SECONDS;
            message.retry(seconds.min(QUEUE_DELAY_SECONDS_MAX));
        }
        Err(error) => {
            tracing::error!(%error, "malformed_message_store_failed");
            message.retry(RETRY_SECONDS);
        }
    }
}

async fn run<W: World>(
    world: &W,
    settings: &Settings,
    queue: JobQueue,
    hints: &[impl QueueMessage],
    jobs: Vec<JobRef>,
) {
    let named = jobs.len();
    let report = process(world, settings, queue, jobs).await;
    tracing::info!(
        named,
        attempts = report.attempts,
        settled = report.settled,
        lost = report.lost,
        unclaimed = report.unclaimed.len(),
        "batch_processed"
    );
    if report.limit.is_some() {
        // A retry would spend operations of the queue, and the sweep finds the jobs after midnight.
        hints.iter().for_each(QueueMessage::ack);
        return;
    }
    if report.database_lost {
        retry(hints);
        return;
    }
    hints.iter().for_each(QueueMessage::ack);
    // Quarantined jobs run last, after all other jobs are settled and acked.
    process_quarantined(world, settings, queue, &report.unclaimed).await;
}

/// Wakes the jobs of hints without running them, because only the database knows which jobs are dead. `reason` is
/// logged.
async fn wake_all<W: World>(world: &W, hints: &[impl QueueMessage], jobs: &[JobRef], reason: &str) {
    match wake(world, jobs).await {
        Ok(woken) => {
            tracing::warn!(named = jobs.len(), woken, reason, "jobs_woken");
            hints.iter().for_each(QueueMessage::ack);
        }
        Err(error @ DatabaseError::DailyLimit(_)) => {
            tracing::error!(%error, "wake_blocked_by_daily_limit");
            hints.iter().for_each(QueueMessage::ack);
        }
        Err(error) => {
            tracing::error!(%error, "wake_failed");
            retry(hints);
        }
    }
}
