//! The producer Worker's entry points: the HTTP API, and the cron of each minute.

mod accept;
mod answer;
mod authenticate;
mod body;
mod bulk;
mod bulk_answer;
mod complete;
mod context;
mod cors;
mod endpoints;
mod erasures;
mod export;
mod export_tenant;
mod groups;
mod health;
mod indexes;
mod keys;
mod operate;
mod problem;
mod quotas;
mod rate_limit;
mod read;
mod request;
mod routes;
mod schedules;
mod tick;
mod usage;

use std::rc::Rc;

use worker::{Context, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, event};

#[event(start)]
fn start() {
    longshore::cloudflare::log::start();
}

/// Answers a request of the API.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    routes::answer(request, env, Rc::new(context)).await
}

/// Fires the schedules that are due.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    tick::tick(&env).await;
}
