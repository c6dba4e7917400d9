//! The way from a request to its answer, by the core's route table.

use std::rc::Rc;
use std::sync::LazyLock;

use longshore::cloudflare::{CloudflareWorld, settings};
use longshore::job::mint_ulid;
use longshore::key::Scope;
use longshore::ports::Clock;
use longshore::problem::Problem;
use longshore::routes::{Operation, Operation as Op, ROUTES, Route};
use matchit::Router;
use worker::{Context, Date, Env, Request, Response, Result};

use crate::answer::{Answer, Body};
use crate::context::ApiContext;
use crate::cors::Cors;
use crate::request::ApiRequest;
use crate::{
    accept, complete, endpoints, erasures, export, export_tenant, groups, health, indexes, keys, operate, problem,
    quotas, rate_limit, read, schedules, usage,
};

static ROUTER: LazyLock<Router<&'static str>> = LazyLock::new(|| {
    let mut router = Router::new();
    for Route { path, .. } in ROUTES {
        // A path with several methods is inserted once; the second insert is refused, which is what is wanted.
        let _ = router.insert(path, path);
    }
    router
});

/// Finds the operation of a method and path, its scope, and the values of the placeholders.
///
/// # Errors
/// `NotFound`; `MethodNotAllowed` with the methods that are offered.
fn find(method: &str, path: &str) -> std::result::Result<(Operation, Option<Scope>, Vec<String>), Problem> {
    let found = ROUTER.at(path).map_err(|_| Problem::NotFound)?;
    let placeholders = found.params.iter().map(|(_, value)| value.to_owned()).collect();
    let offered = || ROUTES.iter().filter(|route| route.path == *found.value);
    match offered().find(|route| route.method == method) {
        Some(route) => Ok((route.operation, route.scope, placeholders)),
        None => Err(Problem::MethodNotAllowed(offered().map(|route| route.method).collect::<Vec<_>>().join(", "))),
    }
}

/// Answers a request; whatever goes wrong is a problem document.
pub(crate) async fn answer(request: Request, env: Env, worker: Rc<Context>) -> Result<Response> {
    let cors = Cors::of(&request, &env)?;
    let (request_id, answered) = match CloudflareWorld::new(&env) {
        Ok(world) => {
            let request_id = mint_ulid(world.now_ms(), world.random());
            let answered = respond(request, env, worker, world, &request_id).await;
            (request_id, answered)
        }
        Err(error) => {
            tracing::error!(%error, "a request failed before it began");
            // No random bits for an id: the time alone finds its line in the log.
            (mint_ulid(i64::try_from(Date::now().as_millis()).unwrap_or(0), 0), Err(Problem::Internal))
        }
    };
    let answer = match answered {
        Err(Problem::MethodNotAllowed(offered)) if cors.is_preflight() => Cors::preflight(&offered),
        answered => answered.unwrap_or_else(|refusal| problem::answer(&refusal, &request_id)),
    };
    cors.allow(answer).into_response(&request_id)
}

async fn respond(
    request: Request,
    env: Env,
    worker: Rc<Context>,
    world: CloudflareWorld,
    request_id: &str,
) -> std::result::Result<Answer, Problem> {
    let request = ApiRequest::new(request)?;
    let (operation, scope, placeholders) = find(&request.method, &request.path)?;
    let settings = settings(&env).map_err(|errors| {
        tracing::error!(?errors, "the deployment is not configured");
        Problem::Internal
    })?;
    let request_id = request_id.to_owned();
    let mut context = ApiContext { env, worker, world, settings, request, request_id, placeholders };
    let Some(scope) = scope else {
        return handle(operation, Scope::Admin, &mut context).await;
    };
    rate_limit::check_key(&context).await?;
    let answered = handle(operation, scope, &mut context).await;
    match answered {
        Err(Problem::Unauthenticated(_)) => {
            rate_limit::check_refused(&context).await?;
            answered
        }
        Ok(Answer { body: Body::Page(page), .. }) if context.request.wants_lines() => {
            Ok(export::answer(context, operation, scope, page))
        }
        answered => answered,
    }
}

pub(crate) async fn handle(
    operation: Operation,
    scope: Scope,
    context: &mut ApiContext,
) -> std::result::Result<Answer, Problem> {
    match operation {
        Op::CreateJob => accept::create_job(context).await,
        Op::CreateJobs => accept::create_jobs(context).await,
        Op::ListJobs => read::list_jobs(context, scope).await,
        Op::ReadJob => read::read_job(context, scope).await,
        Op::ListAttempts => read::list_attempts(context, scope).await,
        Op::ReadEvidence => read::read_evidence(context, scope).await,
        Op::ReadVectors => read::read_vectors(context, scope).await,
        Op::ReadGroup => groups::read(context, scope).await,
        Op::ListDeadLetters => read::list_dead_letters(context, scope).await,
        Op::ReadDeadLetter => read::read_dead_letter(context, scope).await,
        Op::CancelJob => operate::cancel(context, scope).await,
        Op::RetryJob => operate::retry(context, scope).await,
        Op::CompleteJob => complete::complete(context, scope).await,
        Op::FailJob => complete::fail(context, scope).await,
        Op::ReplayDeadLetter => operate::replay(context, scope).await,
        Op::DiscardDeadLetter => operate::discard(context, scope).await,
        Op::Pause => operate::set_paused(context, scope, true).await,
        Op::Resume => operate::set_paused(context, scope, false).await,
        Op::Restored => operate::restored(context, scope).await,
        Op::ListEndpoints => endpoints::list(context, scope).await,
        Op::PutEndpoint => endpoints::put(context, scope).await,
        Op::ReadEndpoint => endpoints::read(context, scope).await,
        Op::DeleteEndpoint => endpoints::change(context, scope, longshore::endpoints::EndpointChange::Delete).await,
        Op::PauseEndpoint => endpoints::change(context, scope, longshore::endpoints::EndpointChange::Pause).await,
        Op::ResumeEndpoint => endpoints::change(context, scope, longshore::endpoints::EndpointChange::Resume).await,
        Op::ReadSecret => endpoints::secret(context, scope).await,
        Op::RotateSecret => endpoints::rotate(context, scope).await,
        Op::ReadTenantSecret => endpoints::tenant_secret(context, scope).await,
        Op::ListSchedules => schedules::list(context, scope).await,
        Op::PutSchedule => schedules::put(context, scope).await,
        Op::ReadSchedule => schedules::read(context, scope).await,
        Op::DeleteSchedule => schedules::delete(context, scope).await,
        Op::RunSchedule => schedules::run(context, scope).await,
        Op::ListFirings => schedules::history(context, scope).await,
        Op::ListIndexes => indexes::list(context, scope).await,
        Op::PutIndex => indexes::put(context, scope).await,
        Op::ReadIndex => indexes::read(context, scope).await,
        Op::DeleteIndex => indexes::delete(context, scope).await,
        Op::WriteDocuments => indexes::write_documents(context, scope).await,
        Op::Search => indexes::search(context, scope).await,
        Op::VerifyIndex => indexes::verify(context, scope).await,
        Op::ListUsage => usage::list(context, scope).await,
        Op::CreateKey => keys::create(context, scope).await,
        Op::ListKeys => keys::list(context, scope).await,
        Op::RevokeKey => keys::revoke(context, scope).await,
        Op::ListStrays => keys::strays(context, scope).await,
        Op::ReadQuota => quotas::read(context, scope).await,
        Op::PutQuota => quotas::put(context, scope).await,
        Op::ExportTenant => export_tenant::export(context, scope).await,
        Op::EraseTenant => erasures::erase_tenant(context, scope).await,
        Op::EraseSubject => erasures::erase_subject(context, scope).await,
        Op::ReadErasure => erasures::read(context, scope).await,
        Op::Health => Ok(health::health()),
        Op::Readiness => health::readiness(context).await,
        Op::Document => Ok(health::document()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_path() {
        for Route { method, path, operation, scope } in ROUTES {
            let path = path.replace("{id}", "x").replace("{n}", "1").replace("{subject}", "y");
            let (found, needed, _) = find(method, &path).unwrap();
            assert_eq!((found, needed), (operation, scope), "{method} {path}");
        }
    }

    #[test]
    fn other_methods_are_told_what_is_offered_and_other_paths_nothing() {
        let refusal = find("PROPFIND", "/v1/jobs").unwrap_err();
        assert_eq!(refusal, Problem::MethodNotAllowed("POST, GET".into()));
        for path in ["/", "/v1", "/v1/jobs/", "/v1/job", "/v1/jobs/a/b", "/v2/jobs"] {
            assert_eq!(find("GET", path).unwrap_err(), Problem::NotFound, "{path}");
        }
    }
}
