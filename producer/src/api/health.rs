//! Health and readiness. Readiness is public, so it is read once in 10 seconds and has no data of tenants.

use std::cell::RefCell;

use longshore::manage::health::{Health, Readiness, read_health, spent_limit};
use longshore::ports::Clock;
use longshore::wire::daily_limit::DailyLimit;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::context::ApiContext;

/// Time in ms for which readiness is cached.
const CACHED_MS: i64 = 10_000;

thread_local! {
    /// Readiness cached by this isolate; losing it costs one read.
    static CACHE: RefCell<Option<(i64, Readiness)>> = const { RefCell::new(None) };
}

/// `GET /healthz`: reports that the Worker runs.
pub(crate) fn health() -> ApiResponse {
    ApiResponse::ok(Health::OK)
}

/// `GET /readyz`: reports whether the database answers and the crons tick.
pub(crate) async fn readiness(context: &mut ApiContext) -> Result<ApiResponse, Problem> {
    let now = context.world.now_ms();
    let cached = CACHE.with_borrow(|cache| cache.clone().filter(|(at, _)| now - at < CACHED_MS));
    if let Some((_, readiness)) = cached {
        return Ok(ApiResponse::json(readiness.status(), readiness));
    }
    let readiness = match read_health(&context.world, &context.settings).await {
        Ok(health) => {
            let spent = match spent_limit(&context.world).await {
                None if health.queue_spent_until > health.now => Some(DailyLimit::QueueOperations),
                spent => spent,
            };
            Readiness::judge(&health, &context.settings, spent)
        }
        Err(Problem::DailyLimit(limit)) => Readiness::unread(limit),
        Err(problem) => return Err(problem),
    };
    CACHE.set(Some((now, readiness.clone())));
    Ok(ApiResponse::json(readiness.status(), readiness))
}
