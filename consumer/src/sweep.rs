//! The sweep's cron: at seconds 0, 20 and 40 of each minute on the paid plan, once on the free one.

use std::time::Duration;

use longshore::cloudflare::{configured, is_bound, variable};
use longshore::index::clear::clear;
use longshore::limits::SWEEP_AT_SECONDS;
use longshore::ports::{Clock, DatabaseError};
use longshore::sweep::sweep;
use worker::Env;

/// Sweeps for one minute.
pub(crate) async fn sweep_minute(env: &Env) {
    let Some((world, settings)) = configured(env, "nothing is swept") else {
        return;
    };
    let began_at = world.now_ms();
    // A local ticker calls more often than each minute, and then each call is one sweep.
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
            // The next minute asks with one call whether it has ended.
            Err(error @ DatabaseError::DailyLimit(_)) => {
                return tracing::error!(%error, "nothing is swept before midnight UTC");
            }
            Err(error) => tracing::error!(%error, "the sweep stopped, the next one goes on"),
        }
        // A deployment may have no store of search.
        if is_bound(env, "INDEX_DB")
            && let Err(error) = clear(&world).await
        {
            tracing::warn!(%error, "nothing was cleared from the store of search");
        }
    }
}
