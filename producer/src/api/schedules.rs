//! Schedules over HTTP.

use longshore::limits::ENVELOPE_BYTES_MAX;
use longshore::model::hint::Hint;
use longshore::model::origin::Origin;
use longshore::schedules::manage;
use longshore::schedules::schedule::{Schedule, ScheduleRow};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::accept::{hint, idempotency_key};
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// Creates the response with a schedule, its payload and its next occurrences.
fn whole(row: &ScheduleRow) -> ApiResponse {
    let payload = row.shown_payload();
    ApiResponse::ok(Schedule::whole(row, payload.as_deref()))
}

/// `PUT /v1/schedules/{id}`: creates or updates a schedule.
pub(crate) async fn put(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let cap = context.settings.plan.payload_inline_bytes + ENVELOPE_BYTES_MAX;
    let body = context.request.json_body(cap).await?;
    let id = context.placeholder(0);
    let operator = proof.operator(context);
    let row = manage::put_schedule(&context.world, &operator, &context.settings, &tenant, id, &body).await?;
    Ok(whole(&row))
}

/// `GET /v1/schedules/{id}`: reads a schedule.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let row = manage::read_schedule(&context.world, &tenant, context.placeholder(0)).await?;
    Ok(whole(&row))
}

/// `GET /v1/schedules`: lists schedules.
pub(crate) async fn list(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let after = context.position::<String>(&tenant)?.unwrap_or_default();
    let limit = context.limit()?;
    let rows = manage::list_schedules(&context.world, &tenant, &after, limit, false).await?;
    Ok(context.page(&tenant, limit, &rows, |row| &row.id, Schedule::listed))
}

/// `DELETE /v1/schedules/{id}`: deletes a schedule.
pub(crate) async fn delete(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    manage::delete_schedule(&context.world, &proof.operator(context), &tenant, context.placeholder(0)).await?;
    Ok(ApiResponse::nothing())
}

/// `POST /v1/schedules/{id}/run`: runs a schedule now.
pub(crate) async fn run(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let key = idempotency_key(context)?;
    let origin = Origin::of(|name| context.request.header(name))?;
    let id = context.placeholder(0);
    let operator = proof.operator(context);
    let run = manage::run_schedule(&context.world, &operator, &tenant, id, key.as_deref(), &origin).await?;
    let location = format!("/v1/jobs/{}", run.job.id);
    let answer = ApiResponse::json(202, run.body).with_header("location", location);
    if run.duplicate {
        return Ok(answer.with_header("idempotency-replayed", "true"));
    }
    hint(context, vec![Hint::now(run.job, run.queue)])?;
    Ok(answer)
}

/// `GET /v1/schedules/{id}/occurrences`: lists the last occurrences, the newest first.
pub(crate) async fn occurrences(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let row = manage::read_schedule(&context.world, &tenant, context.placeholder(0)).await?;
    Ok(ApiResponse::page(&row.history, None))
}
