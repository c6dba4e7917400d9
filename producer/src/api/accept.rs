//! Code shared by all operations that create jobs: the submitting caller, the response, and the hints that are sent
//! after it.

use longshore::accept::accepted::Accepted;
use longshore::accept::authorize::Caller;
use longshore::cloudflare::CloudflareWorld;
use longshore::model::hint::{Hint, Pace};
use longshore::model::origin::Origin;
use longshore::ports::Clock;
use longshore::store::notify::send_hints;
use longshore::wire::idempotency::parse_header;
use longshore::wire::prefer::RETURN_MINIMAL;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Principal;
use crate::context::ApiContext;

thread_local! {
    /// Pace of this isolate's hints.
    static PACE: Pace = const { Pace::new() };
}

/// Creates the response to a request that created one job, and schedules its hint.
pub(crate) fn durable(context: &ApiContext, accepted: Accepted) -> Result<ApiResponse, Problem> {
    hint_later(context, &[&accepted])?;
    let location = format!("/v1/jobs/{}", accepted.job.id);
    let answer = ApiResponse::json(202, accepted.body).with_header("location", location);
    Ok(if accepted.duplicate { answer.with_header("idempotency-replayed", "true") } else { answer })
}

/// Returns the caller that submits jobs, with the origin of the request.
pub(crate) fn submitter(context: &ApiContext, principal: &Principal) -> Result<Caller, Problem> {
    let origin = Origin::of(|name| context.request.header(name))?;
    Ok(Caller { origin, ..principal.caller()?.clone() })
}

/// Adds `Preference-Applied` if the response is minimal.
pub(crate) fn preference_applied(answer: ApiResponse, minimal: bool) -> ApiResponse {
    if minimal { answer.with_header("preference-applied", RETURN_MINIMAL) } else { answer }
}

/// Returns the idempotency key in the request's header.
pub(crate) fn idempotency_key(context: &ApiContext) -> Result<Option<String>, Problem> {
    let header = context.request.header("idempotency-key");
    header
        .map(|text| parse_header(&text))
        .transpose()
        .map_err(|error| Problem::InvalidIdempotencyKey(error.to_string()))
}

pub(crate) fn hint_later(context: &ApiContext, accepted: &[&Accepted]) -> Result<(), Problem> {
    hint(context, accepted.iter().filter_map(|accepted| accepted.hint.clone()).collect())
}

/// Sends hints after the response: the jobs are durable, and a lost hint only delays them.
pub(crate) fn hint(context: &ApiContext, mut hints: Vec<Hint>) -> Result<(), Problem> {
    if hints.is_empty() {
        return Ok(());
    }
    let world = CloudflareWorld::new(&context.env).map_err(|_| Problem::Internal)?;
    let settings = context.settings.clone();
    PACE.with(|pace| pace.choose_queue(world.now_ms(), &mut hints));
    context.worker.wait_until(async move {
        send_hints(&world, &settings, hints).await;
    });
    Ok(())
}
