//! The sweep's cron: runs at seconds 0, 20 and 40 of each minute on the paid plan, once per minute on the free plan.

use std::time::Duration;

use longshore::cloudflare::{configured, is_bound, variable};
use longshore::index::clear::clear;
use longshore::limits::SWEEP_AT_SECONDS;
use longshore::ports::{Clock, DatabaseError};
use longshore::sweep::sweep;
use worker::Env;

/// Runs the sweeps of one minute.
pub(crate) async fn sweep_minute(env: &Env) {
    let Some((world, settings)) = configured(env, "sweep_skipped") else {
        return;
    };
    let began_at = world.now_ms();
    // A local ticker calls more often than once per minute; each call is then one sweep.
    let once = variable(env, "SWEEP_ONCE").is_some_and(|value| value == "true");
    let times = if once { 1 } else { settings.plan.sweeps_per_minute };
    for second in SWEEP_AT_SECONDS.iter().take(times) {
        let wait_ms = u64::try_from(began_at + second * 1_000 - world.now_ms()).unwrap_or(0);
        if wait_ms > 0 {
            world.sleep(Duration::from_millis(wait_ms)).await;
        }
        match sweep(&world, &settings).await {
            Ok(swept) if swept.is_quiet() => {}
            Ok(swept) => tracing::info!(?swept, "swept"),
            // The next minute's sweep checks with one call if the limit has ended.
            Err(error @ DatabaseError::DailyLimit(_)) => {
                return tracing::error!(%error, "sweep_daily_limit");
            }
            Err(error) => tracing::error!(%error, "sweep_failed"),
        }
        // A deployment may have no search database.
        if is_bound(env, "INDEX_DB")
            && let Err(error) = clear(&world).await
        {
            tracing::warn!(%error, "index_clear_failed");
        }
    }
}
