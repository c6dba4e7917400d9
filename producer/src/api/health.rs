//! Health and readiness. Readiness is asked by anybody, so it is read once in ten seconds and tells no tenant's affairs.

use std::cell::RefCell;

use longshore::manage::query::{Health, RotationHealth, read_health, spent_limit};
use longshore::ports::Clock;
use longshore::settings::Settings;
use longshore::wire::daily_limit::DailyLimit;
use longshore::wire::problem::Problem;
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

/// How far a rotation of the master key is; null while there is none.
fn key_rotation(settings: &Settings, walk: Option<&RotationHealth>) -> Value {
    if settings.keys.rotation().is_none() {
        return Value::Null;
    }
    let state = match walk {
        None => "waiting",
        Some(walk) if walk.done == 1 => "done",
        Some(_) => "walking",
    };
    let (found, left) = (walk.map_or(0, |walk| walk.found), walk.and_then(|walk| walk.left));
    json!({"state": state, "found": found, "left": left})
}

/// `GET /readyz`: the store answers and the crons tick.
pub(crate) async fn readiness(context: &mut ApiContext) -> Result<Answer, Problem> {
    let now = context.world.now_ms();
    let cached = CACHE.with_borrow(|cache| cache.clone().filter(|(at, ..)| now - at < CACHED_MS));
    if let Some((_, status, body)) = cached {
        return Ok(Answer::json(status, body));
    }
    let (status, body) = match read_health(&context.world, &context.settings).await {
        Ok(health) => {
            let spent = match spent_limit(&context.world).await {
                None if health.queue_spent_until > health.now => Some(DailyLimit::QueueOperations),
                spent => spent,
            };
            judge(context, &health, spent)
        }
        Err(Problem::DailyLimit(limit)) => (503, unread(limit)),
        Err(problem) => return Err(problem),
    };
    CACHE.set(Some((now, status, body.clone())));
    Ok(Answer::json(status, body))
}

/// What the store said. Without operations of the queue jobs are accepted all the same, and the sweep runs them.
fn judge(context: &ApiContext, health: &Health, spent: Option<DailyLimit>) -> (u16, Value) {
    let age = |at: Option<i64>| at.map(|at| (health.now - at).max(0));
    let (swept, ticked) = (age(health.swept_at), age(health.ticked_at));
    let fresh = |age: Option<i64>| age.is_some_and(|age| age <= TICK_AGE_MS_MAX);
    let restoring = health.epoch != context.settings.epoch;
    let takes_writes = spent.is_none_or(|limit| limit == DailyLimit::QueueOperations);
    let ready = fresh(swept) && fresh(ticked) && health.storage_full == 0 && !restoring && takes_writes;
    let seconds = |age: Option<i64>| age.map_or(Value::Null, |age| json!(age / 1_000));
    let body = json!({
        "ready": ready,
        "consumer_tick_age_seconds": seconds(swept),
        "producer_tick_age_seconds": seconds(ticked),
        "oldest_due_seconds": health.oldest_look_at.map_or(0, |at| ((health.now - at) / 1_000).max(0)),
        "paused": health.paused == 1,
        "storage_full": health.storage_full == 1,
        "restoring": restoring,
        "daily_limit": spent.map(DailyLimit::name),
        "key_rotation": key_rotation(&context.settings, health.rotation.as_ref()),
    });
    (if ready { 200 } else { 503 }, body)
}

/// The same when nothing can be read before midnight UTC.
fn unread(limit: DailyLimit) -> Value {
    json!({
        "ready": false, "consumer_tick_age_seconds": null, "producer_tick_age_seconds": null, "oldest_due_seconds": null,
        "paused": null, "storage_full": null, "restoring": null, "daily_limit": limit.name(),
        "key_rotation": null,
    })
}
