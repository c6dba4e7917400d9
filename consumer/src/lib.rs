//! The consumer Worker's entry points: hints from the queue, and the sweep of each minute.

mod messages;
mod sweep;

use worker::{Context, Env, MessageBatch, Result, ScheduleContext, ScheduledEvent, event};

#[event(start)]
fn start() {
    longshore::cloudflare::log::start();
}

/// Runs the jobs that a batch of hints names. It answers Ok always: an error would kill the instance and its neighbours.
#[event(queue)]
async fn queue(batch: MessageBatch<String>, env: Env, _context: Context) -> Result<()> {
    messages::deliver(&batch, &env).await;
    Ok(())
}

/// Finds whatever no hint found.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    sweep::sweep_minute(&env).await;
}
