//! Entry points of the producer Worker: the HTTP API, and the cron of each minute.

mod answer;
mod api;
mod authenticate;
mod body;
mod context;
mod cors;
mod dispatch;
mod export;
mod problem;
mod rate_limit;
mod request;
mod routes;
mod tick;

use std::rc::Rc;

use worker::{Context, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, event};

#[event(start)]
fn start() {
    longshore::cloudflare::log::start();
}

/// Handles a request of the API.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    routes::answer(request, env, Rc::new(context)).await
}

/// Creates the jobs of due schedules.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    tick::tick(&env).await;
}
