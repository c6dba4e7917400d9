//! Routing of a request to its handler by the core's route table.

use std::rc::Rc;
use std::sync::LazyLock;

use longshore::cloudflare::{CloudflareWorld, settings};
use longshore::model::job::mint_ulid;
use longshore::ports::Clock;
use longshore::routes::{Does, Open, Operation, Operation as Op, ROUTES, Route};
use longshore::security::key::Scope;
use longshore::wire::phrase::{closest, quoted};
use longshore::wire::problem::{Problem, Refused};
use matchit::Router;
use worker::{Context, Date, Env, Request, Response, Result};

use crate::answer::{ApiResponse, Body};
use crate::api::{health, jobs};
use crate::authenticate::Principal;
use crate::context::ApiContext;
use crate::cors::Cors;
use crate::dispatch::handle;
use crate::export;
use crate::request::ApiRequest;
use crate::{problem, rate_limit};

const GET: &str = "GET";
const HEAD: &str = "HEAD";

static ROUTER: LazyLock<Router<&'static str>> = LazyLock::new(|| {
    let mut router = Router::new();
    for Route { path, .. } in ROUTES {
        // A path with several methods is inserted once; the router refuses the repeated inserts.
        let _ = router.insert(path, path);
    }
    router
});

/// Finds the operation of a method and path, and the values of the placeholders. HEAD is routed like GET.
///
/// # Errors
/// `NotFound`; `MethodNotAllowed` with the methods of the path.
fn find(method: &str, path: &str) -> std::result::Result<(Does, Vec<String>), Problem> {
    let found = ROUTER.at(path).map_err(|_| no_route(path))?;
    let placeholders = found.params.iter().map(|(_, value)| value.to_owned()).collect();
    let offered = || ROUTES.iter().filter(|route| route.path == *found.value);
    let asked = if method == HEAD { GET } else { method };
    if let Some(route) = offered().find(|route| route.method == asked) {
        return Ok((route.does, placeholders));
    }
    let reads = offered().any(|route| route.method == GET);
    let methods = offered().map(|route| route.method).chain(reads.then_some(HEAD));
    let (method, allowed) = (method.to_owned(), methods.collect::<Vec<_>>().join(", "));
    Err(Problem::MethodNotAllowed(Refused { method, allowed }))
}

/// Creates the problem of an unknown path, with the most similar route.
fn no_route(path: &str) -> Problem {
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    // Routes of the same length, with the placeholders filled from the path.
    let filled = |segments: &[&str]| {
        let routes = ROUTES.iter().map(|route| route.path.split('/').collect::<Vec<_>>());
        let alike = routes.filter(|route| route.len() == segments.len());
        let fill =
            |(part, given): (&str, &&str)| if part.starts_with('{') { (*given).to_owned() } else { part.to_owned() };
        alike.map(|route| route.into_iter().zip(segments).map(fill).collect::<Vec<_>>().join("/")).collect::<Vec<_>>()
    };
    let without_version = [&["", "v1"], segments.get(1..).unwrap_or_default()].concat();
    let mut candidates = filled(&segments);
    candidates.extend(filled(&without_version).into_iter().filter(|candidate| *candidate == format!("/v1{path}")));
    let same =
        candidates.iter().find(|candidate| **candidate == segments.join("/") || **candidate == format!("/v1{path}"));
    let meant = same.map(String::as_str).or_else(|| closest(path, candidates.iter().map(String::as_str)));
    let more = match meant {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => "all routes are in `/openapi.json`".to_owned(),
    };
    Problem::NotFound(format!("No route {}; {more}", quoted(path)))
}

/// Handles a request. Every error becomes a problem document.
pub(crate) async fn answer(request: Request, env: Env, worker: Rc<Context>) -> Result<Response> {
    let cors = Cors::of(&request, &env)?;
    let is_head = request.inner().method() == HEAD;
    let (request_id, answered) = match CloudflareWorld::new(&env) {
        Ok(world) => {
            let request_id = mint_ulid(world.now_ms(), world.random());
            let answered = respond(request, env, worker, world, &request_id).await;
            (request_id, answered)
        }
        Err(error) => {
            tracing::error!(%error, "request_setup_failed");
            // There are no random bits for the id: the time must be enough to find the log line.
            (mint_ulid(i64::try_from(Date::now().as_millis()).unwrap_or(0), 0), Err(Problem::Internal))
        }
    };
    let answer = match answered {
        Err(Problem::MethodNotAllowed(refused)) if cors.is_preflight() => Cors::preflight(&refused.allowed),
        answered => answered.unwrap_or_else(|refusal| problem::answer(&refusal, &request_id)),
    };
    cors.allow(answer).into_response(&request_id, is_head)
}

async fn respond(
    request: Request,
    env: Env,
    worker: Rc<Context>,
    world: CloudflareWorld,
    request_id: &str,
) -> std::result::Result<ApiResponse, Problem> {
    let request = ApiRequest::new(request)?;
    let (does, placeholders) = find(&request.method, &request.path)?;
    let settings = settings(&env).map_err(|errors| {
        tracing::error!(?errors, "deployment_not_configured");
        Problem::Internal
    })?;
    let request_id = request_id.to_owned();
    let mut context = ApiContext { env, worker, world, settings, request, request_id, placeholders };
    let (operation, scope) = match does {
        Does::Open(operation) => return open(operation, &mut context).await,
        Does::Keyed(operation, scope) => (operation, scope),
    };
    rate_limit::check_address(&context).await?;
    rate_limit::check_key(&context).await?;
    let answered = authorized(operation, scope, &mut context).await;
    match answered {
        Err(refusal @ Problem::Unauthenticated(_)) => {
            rate_limit::check_refused(&context).await?;
            Err(refusal)
        }
        Ok((ApiResponse { body: Body::Page(page), .. }, principal)) if context.request.wants_lines() => {
            Ok(export::answer(context, operation, principal, page))
        }
        answered => answered.map(|(answer, _)| answer),
    }
}

/// Handles an operation that requires no key.
async fn open(operation: Open, context: &mut ApiContext) -> std::result::Result<ApiResponse, Problem> {
    context.request.no_parameter_twice()?;
    match operation {
        Open::Health => Ok(health::health()),
        Open::Readiness => {
            rate_limit::check_address(context).await?;
            health::readiness(context).await
        }
    }
}

/// Handles an operation that requires a key. The key is checked before anything else about the request is reported.
async fn authorized(
    operation: Operation,
    scope: Scope,
    context: &mut ApiContext,
) -> std::result::Result<(ApiResponse, Principal), Problem> {
    let principal = Principal::of(context, operation, scope)?;
    let answer = match operation {
        Op::CreateJob => jobs::create_job(context, &principal).await?,
        operation => {
            let proof = principal.prove(&context.world).await?;
            context.request.no_parameter_twice()?;
            handle(operation, &proof, context).await?
        }
    };
    Ok((answer, principal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_path() {
        for Route { method, path, does } in ROUTES {
            let path = path.replace("{id}", "x").replace("{name}", "x").replace("{n}", "1").replace("{subject}", "y");
            assert_eq!(find(method, &path).unwrap().0, does, "{method} {path}");
            if method == GET {
                assert_eq!(find(HEAD, &path).unwrap().0, does, "HEAD {path}");
            }
        }
    }

    #[test]
    fn wrong_methods_and_paths_are_explained() {
        let refused = |method: &str, allowed: &str| {
            Problem::MethodNotAllowed(Refused { method: method.to_owned(), allowed: allowed.to_owned() })
        };
        assert_eq!(find("PROPFIND", "/v1/jobs").unwrap_err(), refused("PROPFIND", "POST, GET, HEAD"));
        assert_eq!(find(HEAD, "/v1/jobs/batch").unwrap_err(), refused("HEAD", "POST"));
        let detail = refused("DELETE", "POST, GET, HEAD").detail().unwrap();
        assert_eq!(detail, "`DELETE` is not allowed here; use POST, GET or HEAD");
        for (path, meant) in [
            ("/", None),
            ("/v1", None),
            ("/.git/config", None),
            ("/v1/jobs/", Some("/v1/jobs")),
            ("/v1/job", Some("/v1/jobs")),
            ("/V1/jobs", Some("/v1/jobs")),
            ("/v2/jobs", Some("/v1/jobs")),
            ("/jobs", Some("/v1/jobs")),
            ("/v1/job/job_1", Some("/v1/jobs/job_1")),
            ("/v1/jobs/job_1/cancle", Some("/v1/jobs/job_1/cancel")),
        ] {
            let more = meant
                .map_or("all routes are in `/openapi.json`".to_owned(), |meant| format!("did you mean `{meant}`?"));
            let expected = Problem::NotFound(format!("No route `{path}`; {more}"));
            assert_eq!(find("GET", path).unwrap_err(), expected, "{path}");
        }
    }
}
