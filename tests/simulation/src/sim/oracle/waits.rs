//! Checks of I7: how long a job waits for its next attempt, and if a failure was spent.

use longshore::limits::{INDEX_GO_ON_SECONDS, PAYLOAD_WAIT_DOUBLINGS, PAYLOAD_WAIT_SECONDS, RETRY_AFTER_MS_MAX};
use serde_json::Value;

use crate::sim::actors::receiver::Receiver;
use crate::sim::actors::{indexers, poison, providers};
use crate::sim::oracle::invariants::holds;
use crate::sim::oracle::limits;
use crate::sim::oracle::row::Row;

/// Checks I7: the wait is the schedule's, give or take a fifth, or the one that the destination requested.
pub(crate) fn judge_delay(now: i64, entry: &Value, old: &Row, new: &Row, receiver: &Receiver) -> Result<(), String> {
    let delay = new.run_after - now;
    if entry["error"]["class"] == "daily_limit" {
        return limits::judge_wait(old, new);
    }
    let seen = receiver.seen_of(new, entry);
    let asked = seen.filter(|_| poison::may_ask(entry)).and_then(|answer| answer.retry_after);
    // A wait that a provider requested applies to all jobs of the call, even if a call failed without being sent.
    let is_indexing = indexers::is_indexing(new);
    let is_embedding = is_indexing || new.event_id().starts_with(providers::EVENT);
    if is_embedding && entry["error"]["class"] == "provider" && new.failures == old.failures {
        holds!((1_000..=RETRY_AFTER_MS_MAX).contains(&delay), "I7: a wait of {delay} ms for a provider");
        return Ok(());
    }
    if let Some(seconds) = asked {
        holds!(new.failures == old.failures, "I7: a Retry-After must not count as a failure");
        holds!(delay == (seconds * 1_000).clamp(1_000, RETRY_AFTER_MS_MAX), "I7: {seconds} s asked, {delay} ms waited");
        return Ok(());
    }
    // An unreachable store: the payload's, the cached vectors', the search database, or the signing secret.
    let is_read = entry["status"].is_null() && (new.payload_bytes.is_some() || was_unsigned(entry));
    if (is_read || is_embedding) && entry["error"]["class"] == "internal" {
        holds!(new.failures == old.failures, "I7: an unreachable store must not count as a failure");
        if is_indexing && delay == i64::try_from(INDEX_GO_ON_SECONDS).unwrap() * 1_000 {
            return Ok(());
        }
        let doublings = u32::try_from(new.attempt - 1).unwrap().min(PAYLOAD_WAIT_DOUBLINGS);
        holds!(delay == i64::try_from(PAYLOAD_WAIT_SECONDS << doublings).unwrap() * 1_000, "I7: {delay} ms waited");
        return Ok(());
    }
    holds!(new.failures == old.failures + 1, "I7: a failure must count once");
    let delays = new.backoff.delays_seconds();
    let at = (new.failures as usize - 1).min(delays.len().saturating_sub(1));
    let middle = i64::try_from(delays.get(at).copied().unwrap_or(60)).unwrap() * 1_000;
    holds!((middle * 4 / 5..=middle * 6 / 5 + 1).contains(&delay), "I7: {delay} ms for {middle}");
    Ok(())
}

/// Returns true if nothing was sent because the signing secret was missing.
fn was_unsigned(entry: &Value) -> bool {
    entry["error"]["message"].as_str().is_some_and(|text| text.starts_with("The signing secret could not be read"))
}
