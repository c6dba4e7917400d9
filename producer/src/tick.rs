//! The producer's cron, each minute: it notes that it ticks, so that readiness can tell a dead cron, and fires the schedules
//! that are due.

use longshore::cloudflare::configured;
use longshore::manage::health::stamp_tick;
use longshore::ports::DatabaseError;
use longshore::schedules::fire;
use worker::Env;

/// One tick.
pub(crate) async fn tick(env: &Env) {
    let Some((world, settings)) = configured(env, "no schedule fires") else {
        return;
    };
    match stamp_tick(&world, &settings).await {
        Ok(()) => {}
        Err(error @ DatabaseError::DailyLimit(_)) => {
            return tracing::error!(%error, "no schedule fires before midnight UTC, when missed occurrences follow their policies");
        }
        Err(error) => tracing::error!(%error, "the tick was not noted"),
    }
    match fire::tick(&world, &settings).await {
        Ok(0) => {}
        Ok(jobs) => tracing::info!(jobs, "schedules fired"),
        Err(error) => tracing::error!(%error, "the tick stopped, the next one goes on"),
    }
}
