//! Health and readiness. Readiness is asked by anybody, so it is read once in ten seconds and tells no tenant's affairs.

use std::cell::RefCell;

use longshore::ports::Clock;
use longshore::problem::Problem;
use longshore::query::read_health;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::context::ApiContext;

/// How long an answer about readiness holds.
const CACHED_MS: i64 = 10_000;
/// The crons tick each minute; three missed ones are an outage.
const TICK_AGE_MS_MAX: i64 = 180_000;

thread_local! {
    /// Plain data of this isolate: losing it costs one read.
    static CACHE: RefCell<Option<(i64, u16, Value)>> = const { RefCell::new(None) };
}

/// `GET /healthz`: the Worker runs.
pub(crate) fn health() -> Answer {
    Answer::ok(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// How long a copy of the document may be used: a deploy changes it.
const DOCUMENT_CACHE: &str = "public, max-age=300";

/// `GET /openapi.json`: the document of the API as it is checked in, without the spaces (see `build.rs`).
pub(crate) fn document() -> Answer {
    Answer::built_in(include_str!(concat!(env!("OUT_DIR"), "/openapi.json")))
        .with_header("cache-control", DOCUMENT_CACHE)
}

/// `GET /readyz`: the store answers and the crons tick.
pub(crate) async fn readiness(context: &mut ApiContext) -> Result<Answer, Problem> {
    let now = context.world.now_ms();
    let cached = CACHE.with_borrow(|cache| cache.clone().filter(|(at, ..)| now - at < CACHED_MS));
    if let Some((_, status, body)) = cached {
        return Ok(Answer::json(status, body));
    }
    let health = read_health(&context.world).await?;
    let age = |at: Option<i64>| at.map(|at| (health.now - at).max(0));
    let (swept, ticked) = (age(health.swept_at), age(health.ticked_at));
    let fresh = |age: Option<i64>| age.is_some_and(|age| age <= TICK_AGE_MS_MAX);
    let restoring = health.epoch != context.settings.epoch;
    let ready = fresh(swept) && fresh(ticked) && health.storage_full == 0 && !restoring;
    let seconds = |age: Option<i64>| age.map_or(Value::Null, |age| json!(age / 1_000));
    let body = json!({
        "ready": ready,
        "consumer_tick_age_seconds": seconds(swept),
        "producer_tick_age_seconds": seconds(ticked),
        "oldest_due_seconds": health.oldest_look_at.map_or(0, |at| ((health.now - at) / 1_000).max(0)),
        "paused": health.paused == 1,
        "storage_full": health.storage_full == 1,
        "restoring": restoring,
    });
    let status = if ready { 200 } else { 503 };
    CACHE.set(Some((now, status, body.clone())));
    Ok(Answer::json(status, body))
}
