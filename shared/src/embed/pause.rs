//! Pauses of providers that asked for time. One invocation records the pause in the search database, and all others
//! respect it.
//!
//! Without that database each invocation learns of the pause from the provider itself.

use std::time::Duration;

use crate::ports::{Clock, IndexDatabase};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, within};

/// Longest pause in milliseconds; after it a call is tried again.
pub(super) const PAUSE_MS_MAX: i64 = 10 * 60_000;
/// Timeout for reading or writing a pause, in milliseconds.
const CALL_MS: i64 = 1_000;

/// Returns the rest of a provider's pause in milliseconds; 0 if it is unknown.
pub(crate) async fn left_ms<W: IndexDatabase + Clock>(world: &W, provider: &str) -> i64 {
    // Safe to repeat: it only reads.
    let (store, reading) = (Store(world), [index_sql!("read_pause", provider)]);
    let answers = within(world, CALL_MS, batch(&store, &reading)).await.and_then(Result::ok);
    let left: Option<(i64,)> = answers.and_then(|answers| first_as(answers.first()).ok().flatten());
    // Clamped: a wrong database clock must not pause calls forever.
    left.map_or(0, |(ms,)| ms.clamp(0, PAUSE_MS_MAX))
}

/// Records a pause for all invocations, at most [`PAUSE_MS_MAX`]. Returns its duration in milliseconds.
pub(crate) async fn keep<W: IndexDatabase + Clock>(world: &W, provider: &str, wait: Duration) -> i64 {
    let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).min(PAUSE_MS_MAX);
    // Safe to repeat: it makes the pause a little longer.
    let (store, pausing) = (Store(world), [index_sql!("pause_provider", provider, ms)]);
    if !matches!(within(world, CALL_MS, batch(&store, &pausing)).await, Some(Ok(_))) {
        tracing::warn!(provider, "provider_pause_not_stored");
    }
    ms
}
