//! The producer's cron. It notes that it ticks, so that readiness can tell a dead cron; schedules will hang on it.

use longshore::cloudflare::CloudflareWorld;
use longshore::query::stamp_tick;
use worker::Env;

/// One tick.
pub(crate) async fn tick(env: &Env) {
    let world = match CloudflareWorld::new(env) {
        Ok(world) => world,
        Err(error) => {
            tracing::error!(%error, "a binding is missing");
            return;
        }
    };
    if let Err(error) = stamp_tick(&world).await {
        tracing::error!(%error, "the tick was not noted");
    }
}
