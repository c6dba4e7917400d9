//! Asking the queue for messages again.

use longshore::cloudflare::CloudflareWorld;
use longshore::limits::QUEUE_DELAY_SECONDS_MAX;
use longshore::ports::Clock;
use longshore::wire::daily_limit::seconds_to_reset;
use worker::{MessageExt, QueueRetryOptionsBuilder, RawMessage};

/// How long the queue keeps messages back while the database is out of reach.
const RETRY_SECONDS: u32 = 30;

/// Asks for messages again: only when the database is out of reach.
pub(crate) fn retry(messages: &[RawMessage]) {
    retry_after(messages, RETRY_SECONDS);
}

/// Asks for a message again after the daily limits have ended.
pub(crate) fn retry_after_reset(world: &CloudflareWorld, message: &RawMessage) {
    let seconds = seconds_to_reset(world.now_ms()) + RETRY_SECONDS;
    retry_after(std::slice::from_ref(message), seconds.min(QUEUE_DELAY_SECONDS_MAX));
}

fn retry_after(messages: &[RawMessage], seconds: u32) {
    let options = QueueRetryOptionsBuilder::new().with_delay_seconds(seconds).build();
    for message in messages {
        message.retry_with_options(&options);
    }
}
