//! Completion of deferred tasks: the handler that took a task reports its outcome.

use longshore::limits::REQUEST_BYTES_MAX;
use longshore::run::complete::{CompleteRequest, FailRequest, complete as end};
use longshore::wire::invalid::read;
use longshore::wire::problem::Problem;
use longshore::wire::values::Whole;

use crate::answer::ApiResponse;
use crate::api::accept::hint;
use crate::api::read::{job_answer, job_of_path};
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `POST /v1/jobs/{id}/complete`: completes a deferred task, optionally with a result.
pub(crate) async fn complete(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let job = job_of_path(context, proof)?;
    let body = context.request.optional_json_body(REQUEST_BYTES_MAX).await?;
    let request: CompleteRequest = body.map(|body| read(&body, "#")).transpose()?.unwrap_or_default();
    let outcome = request.outcome()?;
    let (row, _) = end(&context.world, &context.settings, &job, request.attempt.map(Whole::get), outcome).await?;
    Ok(job_answer(200, &row))
}

/// `POST /v1/jobs/{id}/fail`: fails a deferred task, optionally with a reason. The job is retried or becomes a dead
/// letter.
pub(crate) async fn fail(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let job = job_of_path(context, proof)?;
    let body = context.request.optional_json_body(REQUEST_BYTES_MAX).await?;
    let request: FailRequest = body.map(|body| read(&body, "#")).transpose()?.unwrap_or_default();
    let outcome = request.outcome()?;
    let (row, retry) = end(&context.world, &context.settings, &job, request.attempt.map(Whole::get), outcome).await?;
    hint(context, retry.into_iter().collect())?;
    Ok(job_answer(200, &row))
}
