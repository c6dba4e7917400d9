//! Providers that asked for time: whoever is told so tells all invocations, through the store of search.
//!
//! Without that store each invocation finds out by itself.

use std::time::Duration;

use crate::ports::{Clock, IndexDatabase};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, within};

/// How long all invocations leave a provider alone that asked for time; then somebody asks again.
pub(super) const PAUSE_MS_MAX: i64 = 10 * 60_000;
/// How long an invocation waits to read or to tell so.
const CALL_MS: i64 = 1_000;

/// For how many milliseconds a provider is still to be left alone; 0 when nobody knows.
pub(crate) async fn left_ms<W: IndexDatabase + Clock>(world: &W, provider: &str) -> i64 {
    // Safe to repeat: it only reads.
    let (store, reading) = (Store(world), [index_sql!("read_pause", provider)]);
    let answers = within(world, CALL_MS, batch(&store, &reading)).await.and_then(Result::ok);
    let left: Option<(i64,)> = answers.and_then(|answers| first_as(answers.first()).ok().flatten());
    // Another clock of the database than before is no reason to wait for ever.
    left.map_or(0, |(ms,)| ms.clamp(0, PAUSE_MS_MAX))
}

/// Has all invocations leave a provider alone for as long as it asked for, [`PAUSE_MS_MAX`] at most: then somebody asks
/// again. Answers for how many milliseconds.
pub(crate) async fn keep<W: IndexDatabase + Clock>(world: &W, provider: &str, wait: Duration) -> i64 {
    let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).min(PAUSE_MS_MAX);
    // Safe to repeat: a pause becomes a little longer.
    let (store, pausing) = (Store(world), [index_sql!("pause_provider", provider, ms)]);
    if !matches!(within(world, CALL_MS, batch(&store, &pausing)).await, Some(Ok(_))) {
        tracing::warn!(provider, "other invocations may not know that the provider asked for time");
    }
    ms
}
