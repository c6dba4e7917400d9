//! The batch: each message is read by itself, the jobs of all are run, and then each is acked or asked for again.

use longshore::cloudflare::{CloudflareWorld, configured};
use longshore::daily_limit::seconds_to_midnight;
use longshore::hint::{UnreadableHint, decode};
use longshore::job::{JobRef, Lane};
use longshore::limits::QUEUE_DELAY_SECONDS_MAX;
use longshore::ports::Clock;
use longshore::process::{process, process_suspects};
use longshore::settings::Settings;
use worker::{Env, MessageBatch, MessageExt, QueueRetryOptionsBuilder, RawMessage};

use crate::strays::{keep, wake_all};

/// How the queue's name ends when it is the platform's dead-letter queue.
const DEAD_QUEUE_SUFFIX: &str = "-dead";
/// What the queue's name has in it when its hints are of tasks.
const TASK_QUEUE_PART: &str = "-task-hints";
/// How long the queue keeps messages back while the database is out of reach.
const RETRY_SECONDS: u32 = 30;

/// Runs the jobs that a batch names.
pub(crate) async fn deliver(batch: &MessageBatch<String>, env: &Env) {
    let Some((world, settings)) = configured(env, "messages must wait") else {
        retry(&batch.raw_iter().collect::<Vec<_>>());
        return;
    };
    let (hints, jobs) = read(&world, batch).await;
    if hints.is_empty() {
        return; // Nothing but strays and unknown versions, which `read` has dealt with.
    }
    let queue = batch.queue();
    if queue.ends_with(DEAD_QUEUE_SUFFIX) {
        wake_all(&world, &hints, &jobs).await;
    } else {
        let lane = if queue.contains(TASK_QUEUE_PART) { Lane::Tasks } else { Lane::Webhooks };
        run(&world, &settings, lane, &hints, jobs).await;
    }
}

/// The messages that are hints, and the jobs they name. All others are dealt with here.
async fn read(world: &CloudflareWorld, batch: &MessageBatch<String>) -> (Vec<RawMessage>, Vec<JobRef>) {
    let (mut hints, mut jobs) = (Vec::new(), Vec::new());
    for message in batch.raw_iter() {
        let body = message.body();
        let decoded = body.as_string().map_or(Err(UnreadableHint::Undecodable), |text| decode(&text));
        match decoded {
            Ok(named) => {
                jobs.extend(named);
                hints.push(message);
            }
            Err(UnreadableHint::UnknownVersion) => {
                tracing::warn!(message_id = message.id(), "a hint of an unknown version; the sweep finds its jobs");
                message.ack();
            }
            Err(UnreadableHint::Undecodable) => keep(world, &batch.queue(), &message).await,
        }
    }
    (hints, jobs)
}

async fn run(world: &CloudflareWorld, settings: &Settings, lane: Lane, hints: &[RawMessage], jobs: Vec<JobRef>) {
    let named = jobs.len();
    let report = process(world, settings, lane, jobs).await;
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
        hints.iter().for_each(MessageExt::ack);
        return;
    }
    if report.database_lost {
        retry(hints);
        return;
    }
    hints.iter().for_each(MessageExt::ack);
    // Suspects come last, when all else is settled and acked.
    process_suspects(world, settings, lane, &report.unclaimed).await;
}

/// Asks for messages again: only when the database is out of reach.
pub(crate) fn retry(messages: &[RawMessage]) {
    retry_after(messages, RETRY_SECONDS);
}

/// Asks for a message again after midnight UTC, when the daily limits have ended.
pub(crate) fn retry_tomorrow(world: &CloudflareWorld, message: &RawMessage) {
    let seconds = seconds_to_midnight(world.now_ms()) + RETRY_SECONDS;
    retry_after(std::slice::from_ref(message), seconds.min(QUEUE_DELAY_SECONDS_MAX));
}

fn retry_after(messages: &[RawMessage], seconds: u32) {
    let options = QueueRetryOptionsBuilder::new().with_delay_seconds(seconds).build();
    for message in messages {
        message.retry_with_options(&options);
    }
}
