//! The route table, and the way from a request to its answer.

use std::sync::LazyLock;

use longshore::cloudflare::{CloudflareWorld, settings};
use longshore::job::mint_ulid;
use longshore::key::Scope;
use longshore::ports::Clock;
use longshore::problem::Problem;
use matchit::Router;
use worker::{Context, Env, Request, Response, Result};

use crate::answer::Answer;
use crate::context::ApiContext;
use crate::request::ApiRequest;
use crate::{accept, endpoints, health, keys, operate, problem, read};

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateJob,
    CreateJobs,
    ListJobs,
    ReadJob,
    ListAttempts,
    ReadEvidence,
    CancelJob,
    RetryJob,
    ListDeadLetters,
    ReadDeadLetter,
    ReplayDeadLetter,
    DiscardDeadLetter,
    ListEndpoints,
    PutEndpoint,
    ReadEndpoint,
    DeleteEndpoint,
    PauseEndpoint,
    ResumeEndpoint,
    ReadSecret,
    RotateSecret,
    ReadTenantSecret,
    CreateKey,
    ListKeys,
    RevokeKey,
    ListStrays,
    Pause,
    Resume,
    Health,
    Readiness,
}

use Operation as Op;

/// Method, path, operation, and the scope its key needs.
pub(crate) const ROUTES: &[(&str, &str, Operation, Option<Scope>)] = &[
    ("POST", "/v1/jobs", Op::CreateJob, Some(Scope::JobsWrite)),
    ("POST", "/v1/jobs/batch", Op::CreateJobs, Some(Scope::JobsWrite)),
    ("GET", "/v1/jobs", Op::ListJobs, Some(Scope::JobsRead)),
    ("GET", "/v1/jobs/{id}", Op::ReadJob, Some(Scope::JobsRead)),
    ("GET", "/v1/jobs/{id}/attempts", Op::ListAttempts, Some(Scope::JobsRead)),
    ("GET", "/v1/jobs/{id}/attempts/{n}/evidence", Op::ReadEvidence, Some(Scope::JobsRead)),
    ("POST", "/v1/jobs/{id}/cancel", Op::CancelJob, Some(Scope::Operate)),
    ("POST", "/v1/jobs/{id}/retry", Op::RetryJob, Some(Scope::Operate)),
    ("GET", "/v1/dead-letters", Op::ListDeadLetters, Some(Scope::JobsRead)),
    ("GET", "/v1/dead-letters/{id}", Op::ReadDeadLetter, Some(Scope::JobsRead)),
    ("POST", "/v1/dead-letters/{id}/replay", Op::ReplayDeadLetter, Some(Scope::Operate)),
    ("POST", "/v1/dead-letters/{id}/discard", Op::DiscardDeadLetter, Some(Scope::Operate)),
    ("GET", "/v1/endpoints", Op::ListEndpoints, Some(Scope::JobsRead)),
    ("PUT", "/v1/endpoints/{id}", Op::PutEndpoint, Some(Scope::Operate)),
    ("GET", "/v1/endpoints/{id}", Op::ReadEndpoint, Some(Scope::JobsRead)),
    ("DELETE", "/v1/endpoints/{id}", Op::DeleteEndpoint, Some(Scope::Operate)),
    ("POST", "/v1/endpoints/{id}/pause", Op::PauseEndpoint, Some(Scope::Operate)),
    ("POST", "/v1/endpoints/{id}/resume", Op::ResumeEndpoint, Some(Scope::Operate)),
    ("GET", "/v1/endpoints/{id}/secret", Op::ReadSecret, Some(Scope::Operate)),
    ("POST", "/v1/endpoints/{id}/secret/rotate", Op::RotateSecret, Some(Scope::Operate)),
    ("GET", "/v1/secret", Op::ReadTenantSecret, Some(Scope::Operate)),
    ("POST", "/v1/keys", Op::CreateKey, Some(Scope::Admin)),
    ("GET", "/v1/keys", Op::ListKeys, Some(Scope::Admin)),
    ("DELETE", "/v1/keys/{id}", Op::RevokeKey, Some(Scope::Admin)),
    ("GET", "/v1/strays", Op::ListStrays, Some(Scope::Admin)),
    ("POST", "/v1/pause", Op::Pause, Some(Scope::Admin)),
    ("POST", "/v1/resume", Op::Resume, Some(Scope::Admin)),
    ("GET", "/healthz", Op::Health, None),
    ("GET", "/readyz", Op::Readiness, None),
];

static ROUTER: LazyLock<Router<&'static str>> = LazyLock::new(|| {
    let mut router = Router::new();
    for (_, pattern, _, _) in ROUTES {
        // A path with several methods is inserted once; the second insert is refused, which is what is wanted.
        let _ = router.insert(*pattern, *pattern);
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
    let offered = || ROUTES.iter().filter(|(_, pattern, _, _)| pattern == found.value);
    match offered().find(|(offered, _, _, _)| *offered == method) {
        Some((_, _, operation, scope)) => Ok((*operation, *scope, placeholders)),
        None => Err(Problem::MethodNotAllowed(offered().map(|route| route.0).collect::<Vec<_>>().join(", "))),
    }
}

/// Answers a request; whatever goes wrong is a problem document.
pub(crate) async fn answer(request: Request, env: &Env, worker: &Context) -> Result<Response> {
    let world = CloudflareWorld::new(env)?;
    let request_id = mint_ulid(world.now_ms(), world.random());
    let answered = respond(request, env, worker, world, &request_id).await;
    let answer = answered.unwrap_or_else(|refusal| problem::answer(&refusal, &request_id));
    answer.into_response(&request_id)
}

async fn respond(
    request: Request,
    env: &Env,
    worker: &Context,
    world: CloudflareWorld,
    request_id: &str,
) -> std::result::Result<Answer, Problem> {
    let request = ApiRequest::new(request)?;
    let (operation, scope, placeholders) = find(&request.method, &request.path)?;
    let settings = settings(env).map_err(|errors| {
        tracing::error!(?errors, "the deployment is not configured");
        Problem::Internal
    })?;
    let request_id = request_id.to_owned();
    let mut context = ApiContext { env, worker, world, settings, request, request_id, placeholders };
    handle(operation, scope.unwrap_or(Scope::Admin), &mut context).await
}

async fn handle(
    operation: Operation,
    scope: Scope,
    context: &mut ApiContext<'_>,
) -> std::result::Result<Answer, Problem> {
    match operation {
        Op::CreateJob => accept::create_job(context).await,
        Op::CreateJobs => accept::create_jobs(context).await,
        Op::ListJobs => read::list_jobs(context, scope).await,
        Op::ReadJob => read::read_job(context, scope).await,
        Op::ListAttempts => read::list_attempts(context, scope).await,
        Op::ReadEvidence => read::read_evidence(context, scope).await,
        Op::ListDeadLetters => read::list_dead_letters(context, scope).await,
        Op::ReadDeadLetter => read::read_dead_letter(context, scope).await,
        Op::CancelJob => operate::cancel(context, scope).await,
        Op::RetryJob => operate::retry(context, scope).await,
        Op::ReplayDeadLetter => operate::replay(context, scope).await,
        Op::DiscardDeadLetter => operate::discard(context, scope).await,
        Op::Pause => operate::set_paused(context, scope, true).await,
        Op::Resume => operate::set_paused(context, scope, false).await,
        Op::ListEndpoints => endpoints::list(context, scope).await,
        Op::PutEndpoint => endpoints::put(context, scope).await,
        Op::ReadEndpoint => endpoints::read(context, scope).await,
        Op::DeleteEndpoint => endpoints::change(context, scope, longshore::endpoints::EndpointChange::Delete).await,
        Op::PauseEndpoint => endpoints::change(context, scope, longshore::endpoints::EndpointChange::Pause).await,
        Op::ResumeEndpoint => endpoints::change(context, scope, longshore::endpoints::EndpointChange::Resume).await,
        Op::ReadSecret => endpoints::secret(context, scope).await,
        Op::RotateSecret => endpoints::rotate(context, scope).await,
        Op::ReadTenantSecret => endpoints::tenant_secret(context, scope).await,
        Op::CreateKey => keys::create(context, scope).await,
        Op::ListKeys => keys::list(context, scope).await,
        Op::RevokeKey => keys::revoke(context, scope).await,
        Op::ListStrays => keys::strays(context, scope).await,
        Op::Health => Ok(health::health()),
        Op::Readiness => health::readiness(context).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_path() {
        for (method, pattern, operation, scope) in ROUTES {
            let path = pattern.replace("{id}", "x").replace("{n}", "1");
            let (found, needed, _) = find(method, &path).unwrap();
            assert_eq!((found, needed), (*operation, *scope), "{method} {path}");
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
