//! Entry points of the consumer Worker: batches of hints from the queues, and the sweep of each minute.

mod messages;
mod sweep;

use worker::{Context, Env, MessageBatch, Result, ScheduleContext, ScheduledEvent, event};

#[event(start)]
fn start() {
    longshore::cloudflare::log::start();
}

/// Runs the jobs that a batch of hints names. Always returns `Ok`: an error would terminate the instance and its other
/// jobs.
#[event(queue)]
async fn queue(batch: MessageBatch<String>, env: Env, _context: Context) -> Result<()> {
    messages::deliver(&batch, &env).await;
    Ok(())
}

/// Runs the sweep.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    sweep::sweep_minute(&env).await;
}
