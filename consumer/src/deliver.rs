//! The batch: each message is read by itself, the jobs of all are run, and then each is acked or asked for again.

use longshore::cloudflare::{CloudflareWorld, configured, variable};
use longshore::model::hint::{UnreadableHint, decode};
use longshore::model::job::JobRef;
use longshore::run::process::{process, process_suspects};
use longshore::settings::{Feed, QueueNames, Settings};
use longshore::wire::lane::Lane;
use worker::{Env, MessageBatch, MessageExt, RawMessage};

use crate::messages::retry;
use crate::strays::{keep, wake_all};

/// Runs the jobs that a batch names.
pub(crate) async fn deliver(batch: &MessageBatch<String>, env: &Env) {
    let queues = QueueNames::parse(|name| variable(env, name))
        .map_err(|errors| tracing::error!(?errors, "the consumer's queues are not configured, messages must wait"));
    let (Some((world, settings)), Ok(queues)) = (configured(env, "messages must wait"), queues) else {
        retry(&batch.raw_iter().collect::<Vec<_>>());
        return;
    };
    let (hints, jobs) = read(&world, batch).await;
    if hints.is_empty() {
        return; // Nothing but strays and unknown versions, which `read` has dealt with.
    }
    match queues.feed(&batch.queue()) {
        Some(Feed::Hints(lane)) => run(&world, &settings, lane, &hints, jobs).await,
        Some(Feed::DeadHints) => wake_all(&world, &hints, &jobs, "the platform gave up on hints").await,
        // The sweep hints woken jobs in their own queues.
        None => wake_all(&world, &hints, &jobs, "hints came from a queue that no setting names").await,
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
