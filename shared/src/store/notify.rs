//! Hints: messages to the queue that name jobs worth claiming.

use crate::limits::SEND_MS_MAX;
use crate::model::hint::{Hint, into_messages};
use crate::ports::{HintError, World};
use crate::settings::Settings;
use crate::store::within;

/// Sends hints. A failure is only logged, because the sweep finds the jobs. Returns false if the queue takes no more
/// messages today: after the first refusal for a daily limit no other message is sent.
pub async fn send_hints<W: World>(world: &W, settings: &Settings, hints: Vec<Hint>) -> bool {
    send_hints_of(world, settings.plan.hint_jobs, hints).await
}

/// Sends hints like [`send_hints`], with at most `jobs_per_hint` jobs in one message.
pub(crate) async fn send_hints_of<W: World>(world: &W, jobs_per_hint: usize, hints: Vec<Hint>) -> bool {
    for (queue, messages) in into_messages(hints, jobs_per_hint) {
        match within(world, SEND_MS_MAX, world.send_hints(queue, &messages)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(%error, "hints_send_failed");
                if error == HintError::DailyLimit {
                    return false;
                }
            }
            None => tracing::warn!(timeout_ms = SEND_MS_MAX, "hints_send_timed_out"),
        }
    }
    true
}
