//! Consuming: a batch of the queue's messages is read, its jobs are run, and each message is acknowledged or retried.

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

/// How long the queue keeps messages back while the database is out of reach.
pub const RETRY_SECONDS: u32 = 30;

/// What a message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageBody {
    /// Text, as each hint is.
    Text(String),
    /// The bytes of anything else.
    Other(Vec<u8>),
}

/// A message that the queue has delivered. When the handler returns, the platform acknowledges each one that was neither
/// acknowledged nor retried.
pub trait QueueMessage {
    /// Its id, the same for each delivery.
    fn id(&self) -> String;
    /// What it carries.
    fn body(&self) -> MessageBody;
    /// Takes it off the queue.
    fn ack(&self);
    /// Has it delivered again, in that many seconds at the earliest.
    fn retry(&self, delay_seconds: u32);
}

/// Runs the jobs that a batch names. `queue` is the name of the queue that it came from.
pub async fn consume<W: World, M: QueueMessage>(
    world: &W,
    settings: &Settings,
    queues: &QueueNames,
    queue: &str,
    messages: Vec<M>,
) {
    let (hints, jobs) = read(world, queue, messages).await;
    if hints.is_empty() {
        return; // Nothing but malformed messages and unknown versions, which `read` has dealt with.
    }
    match queues.feed(queue) {
        Some(Feed::Hints(queue)) => run(world, settings, queue, &hints, jobs).await,
        Some(Feed::DeadHints) => wake_all(world, &hints, &jobs, "the platform gave up on hints").await,
        // The sweep hints woken jobs in their own queues.
        None => wake_all(world, &hints, &jobs, "hints came from a queue that no setting names").await,
    }
}

/// Retries messages, because the database is out of reach or nothing is configured.
pub fn retry(messages: &[impl QueueMessage]) {
    for message in messages {
        message.retry(RETRY_SECONDS);
    }
}

/// The messages that are hints, and the jobs they name. All others are dealt with here.
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
                tracing::warn!(message_id = message.id(), "a hint of an unknown version; the sweep finds its jobs");
                message.ack();
            }
            Err(UnreadableHint::Undecodable) => keep(world, queue, &message, body).await,
        }
    }
    (hints, jobs)
}

/// Keeps a message that cannot be read, with its bytes, and acknowledges it.
async fn keep<W: World>(world: &W, queue: &str, message: &impl QueueMessage, body: MessageBody) {
    let bytes = match body {
        MessageBody::Text(text) => text.into_bytes(),
        MessageBody::Other(bytes) => bytes,
    };
    match keep_malformed_message(world, &message.id(), queue, "not a hint", &bytes).await {
        Ok(()) => {
            tracing::warn!(message_id = message.id(), "a malformed message was kept");
            message.ack();
        }
        // It is no hint that the sweep could do without: its bytes are kept by the queue until midnight.
        Err(error @ DatabaseError::DailyLimit(_)) => {
            tracing::error!(%error, "a malformed message is kept tomorrow");
            let seconds = seconds_to_reset(world.now_ms()) + RETRY_SECONDS;
            message.retry(seconds.min(QUEUE_DELAY_SECONDS_MAX));
        }
        Err(error) => {
            tracing::error!(%error, "a malformed message could not be kept");
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
        "ran a batch"
    );
    if report.limit.is_some() {
        // To ask for them again would spend operations of the queue, and the sweep finds the jobs after midnight.
        hints.iter().for_each(QueueMessage::ack);
        return;
    }
    if report.database_lost {
        retry(hints);
        return;
    }
    hints.iter().for_each(QueueMessage::ack);
    // Quarantined jobs come last, when all else is settled and acknowledged.
    process_quarantined(world, settings, queue, &report.unclaimed).await;
}

/// Wakes the jobs of hints that are not run: the ledger alone says what is dead. `reason` says why for the log.
async fn wake_all<W: World>(world: &W, hints: &[impl QueueMessage], jobs: &[JobRef], reason: &str) {
    match wake(world, jobs).await {
        Ok(woken) => {
            tracing::warn!(named = jobs.len(), woken, reason, "jobs are woken");
            hints.iter().for_each(QueueMessage::ack);
        }
        Err(error @ DatabaseError::DailyLimit(_)) => {
            tracing::error!(%error, "the sweep finds these jobs after midnight UTC");
            hints.iter().for_each(QueueMessage::ack);
        }
        Err(error) => {
            tracing::error!(%error, "jobs could not be woken");
            retry(hints);
        }
    }
}
