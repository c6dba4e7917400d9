//! The producer's cron, each minute: records its tick, by which readiness detects a cron that stopped, creates the
//! jobs of due schedules, and takes steps of actions.

use longshore::cloudflare::configured;
use longshore::manage::actions::steps;
use longshore::manage::health::stamp_tick;
use longshore::ports::DatabaseError;
use longshore::schedules::fire;
use worker::Env;

/// Runs one tick.
pub(crate) async fn tick(env: &Env) {
    let Some((world, settings)) = configured(env, "tick_skipped") else {
        return;
    };
    match stamp_tick(&world, &settings).await {
        Ok(()) => {}
        Err(error @ DatabaseError::DailyLimit(_)) => {
            return tracing::error!(%error, "tick_daily_limit");
        }
        Err(error) => tracing::error!(%error, "tick_stamp_failed"),
    }
    match fire::tick(&world, &settings).await {
        Ok(0) => {}
        Ok(jobs) => tracing::info!(jobs, "schedule_jobs_created"),
        Err(error) => tracing::error!(%error, "tick_failed"),
    }
    match steps::tick(&world, &settings).await {
        Ok(0) => {}
        Ok(steps) => tracing::info!(steps, "action_steps_done"),
        Err(error) => tracing::error!(%error, "action_steps_failed"),
    }
}
