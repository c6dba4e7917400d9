//! Hints: the queue is told that some jobs are worth claiming.

use crate::limits::SEND_MS_MAX;
use crate::model::hint::{Hint, into_messages};
use crate::ports::{HintError, World};
use crate::settings::Settings;
use crate::store::within;

/// Sends hints. A failure is only logged: the sweep finds the jobs. Answers whether the queue takes messages today; after the
/// first one that it refuses for a daily limit no other is sent.
pub async fn send_hints<W: World>(world: &W, settings: &Settings, hints: Vec<Hint>) -> bool {
    for (queue, messages) in into_messages(hints, settings.plan.hint_jobs) {
        match within(world, SEND_MS_MAX, world.send_hints(queue, &messages)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(%error, "the sweep will find these jobs");
                if error == HintError::DailyLimit {
                    return false;
                }
            }
            None => tracing::warn!("hints did not leave within {SEND_MS_MAX} ms, the sweep will find these jobs"),
        }
    }
    true
}
