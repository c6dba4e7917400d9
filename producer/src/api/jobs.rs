//! `POST /v1/jobs` and its batch. The answer leaves when the jobs are durable; hints leave after it.

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

/// `POST /v1/jobs`: its key is checked inside the accept's own batch.
pub(crate) async fn create_job(context: &mut ApiContext, principal: &Principal) -> Result<ApiResponse, Problem> {
    if context.request.may_be_longer_than(context.settings.plan.payload_inline_bytes + ENVELOPE_BYTES_MAX) {
        // Megabytes are read for those who may send them.
        principal.prove(&context.world).await?;
    }
    let (caller, jobs) = match read_job(context, principal).await {
        Ok(read) => read,
        // What is wrong is told to those who may ask; a good job's key is checked where it is inserted.
        Err(refusal) => {
            principal.prove(&context.world).await?;
            return Err(refusal);
        }
    };
    let submitter = Submitter { caller: &caller, scope: principal.scope() };
    let mut results = accept_for(&context.world, submitter, jobs).await?;
    durable(context, results.pop().ok_or(Problem::Internal)??)
}

/// The one job that a request asks for, and who asks: neither is known to be allowed yet.
async fn read_job(context: &mut ApiContext, principal: &Principal) -> Result<(Caller, Vec<NewJob>), Problem> {
    context.request.no_parameter_twice()?;
    let caller = submitter(context, principal)?;
    let key = idempotency_key(context)?;
    let body = context.request.json_body(JOB_REQUEST_BYTES_MAX).await?;
    let mut jobs = vec![check(&context.world, &context.settings, &body, 0, key)?];
    seal_secrets(&context.world, &context.settings, &caller, &mut jobs).await?;
    Ok((caller, jobs))
}

/// `POST /v1/jobs/batch`: each job is accepted or refused by itself; lines of JSON as they come, see [`bulk`].
pub(crate) async fn create_jobs(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    // What is sealed is sealed for the tenant of the key; it is not asked for again.
    let caller = Caller { tenant: Some(proof.tenant()?), ..submitter(context, proof.principal())? };
    let key = idempotency_key(context)?;
    if context.request.has_lines() {
        return bulk::create_jobs(context, caller, key, None);
    }
    let body = context.request.json_body(BATCH_BYTES_MAX).await?;
    let jobs = read_batch(&body)?;
    let item = |(index, job): (usize, &RawValue)| {
        // One key for the whole request stands for one key per job.
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
