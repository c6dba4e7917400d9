//! Creation of jobs: `POST /v1/jobs` and its batch. The response is sent when the jobs are durable; the hints follow
//! after it.

use longshore::accept::authorize::Caller;
use longshore::accept::batch::read_batch;
use longshore::accept::insert::{Submitter, accept_for, seal_secrets};
use longshore::accept::request::{NewJob, check};
use longshore::accept::results::{BatchAnswer, accept_checked};
use longshore::limits::{BATCH_BYTES_MAX, ENVELOPE_BYTES_MAX, JOB_REQUEST_BYTES_MAX};
use longshore::wire::problem::Problem;
use serde_json::value::RawValue;

use crate::answer::ApiResponse;
use crate::api::accept::{durable, hint_later, idempotency_key, preference_applied, submitter};
use crate::api::bulk;
use crate::authenticate::{Principal, Proof};
use crate::context::ApiContext;

/// `POST /v1/jobs`: creates a job. The key is checked in the batch of the accept.
pub(crate) async fn create_job(context: &mut ApiContext, principal: &Principal) -> Result<ApiResponse, Problem> {
    if context.request.may_be_longer_than(context.settings.plan.payload_inline_bytes + ENVELOPE_BYTES_MAX) {
        // Large bodies are read only after the key was checked.
        principal.prove(&context.world).await?;
    }
    let (caller, jobs) = match read_job(context, principal).await {
        Ok(read) => read,
        // Errors are reported only to callers with a valid key. The key of a valid job is checked when it is inserted.
        Err(refusal) => {
            principal.prove(&context.world).await?;
            return Err(refusal);
        }
    };
    let submitter = Submitter { caller: &caller, scope: principal.scope(), action: None };
    let mut results = accept_for(&context.world, submitter, jobs).await?;
    durable(context, results.pop().ok_or(Problem::Internal)??)
}

/// Reads the job and the caller of a request, before the key is checked.
async fn read_job(context: &mut ApiContext, principal: &Principal) -> Result<(Caller, Vec<NewJob>), Problem> {
    context.request.no_parameter_twice()?;
    context.only_parameters(&[])?;
    let caller = submitter(context, principal)?;
    let key = idempotency_key(context)?;
    let body = context.request.json_body(JOB_REQUEST_BYTES_MAX).await?;
    let mut jobs = vec![check(&context.world, &context.settings, &body, 0, key)?];
    seal_secrets(&context.world, &context.settings, &caller, &mut jobs).await?;
    Ok((caller, jobs))
}

/// `POST /v1/jobs/batch`: creates jobs from a JSON document or from lines, see [`bulk`]. Each job is accepted or
/// rejected separately.
pub(crate) async fn create_jobs(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    // The tenant of the key is known here, so that sealing does not look it up again.
    let caller = Caller { tenant: Some(proof.tenant()?), ..submitter(context, proof.principal())? };
    let key = idempotency_key(context)?;
    if context.request.has_lines() {
        return bulk::create_jobs(context, caller, key, None);
    }
    let body = context.request.json_body(BATCH_BYTES_MAX).await?;
    let jobs = read_batch(&body)?;
    let item = |(index, job): (usize, &RawValue)| {
        // Each job gets its own key, derived from the key of the request.
        let key = key.as_ref().map(|key| format!("{key}:{index}"));
        check(&context.world, &context.settings, job.get().as_bytes(), index, key)
    };
    let checked: Vec<_> = jobs.iter().map(AsRef::as_ref).enumerate().map(item).collect();
    let results = accept_checked(&context.world, &context.settings, &caller, checked).await?;
    let accepted: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    hint_later(context, &accepted)?;
    let minimal = context.request.prefers_minimal();
    let answer = BatchAnswer::of(&results, &context.request_id, minimal);
    Ok(preference_applied(ApiResponse::ok(answer), minimal))
}
