//! Operator actions: cancel, retry now, resend, replay, discard, and pause or resume everything.

use longshore::limits::{ENVELOPE_BYTES_MAX, NOTE_CHARS_MAX, REQUEST_BYTES_MAX};
use longshore::manage::operate;
use longshore::manage::operate::{Discard, Replay, RestoredRequest};
use longshore::manage::resend::resend as resend_job;
use longshore::model::dead_letter::DeadLetter;
use longshore::model::hint::Hint;
use longshore::wire::checks::check_note;
use longshore::wire::invalid::read;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::accept::{hint, idempotency_key};
use crate::api::read::{job_answer, job_of_path};
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `POST /v1/jobs/{id}/cancel`: cancels a job.
pub(crate) async fn cancel(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let job = job_of_path(context, proof)?;
    let row = operate::cancel(&context.world, &proof.operator(context), &context.settings, &job).await?;
    Ok(job_answer(200, &row))
}

/// `POST /v1/jobs/{id}/retry`: retries a job now.
pub(crate) async fn retry(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let job = job_of_path(context, proof)?;
    let row = operate::retry_now(&context.world, &proof.operator(context), &job).await?;
    hint(context, vec![Hint::now(job, JobQueue::of(&row.kind))])?;
    Ok(job_answer(202, &row))
}

/// `POST /v1/jobs/{id}/resend`: sends a finished job again, once per idempotency key.
pub(crate) async fn resend(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let job = job_of_path(context, proof)?;
    let key = idempotency_key(context)?;
    let operator = proof.operator(context);
    let resent = resend_job(&context.world, &operator, &context.settings, &job, key.as_deref()).await?;
    let row = resent.row;
    let answer = job_answer(202, &row).with_header("location", format!("/v1/jobs/{}", row.id));
    if resent.duplicate {
        return Ok(answer.with_header("idempotency-replayed", "true"));
    }
    hint(context, vec![Hint::now(row.job(), JobQueue::of(&row.kind))])?;
    Ok(answer)
}

/// `POST /v1/dead-letters/{id}/replay`: replays a dead letter, optionally with an edited payload.
pub(crate) async fn replay(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let job = job_of_path(context, proof)?;
    let cap = context.settings.plan.payload_bytes_max + ENVELOPE_BYTES_MAX;
    let body = context.request.optional_json_body(cap).await?;
    let request: Option<Replay> = body.map(|body| read(&body, "#")).transpose()?;
    let edited = request.and_then(|request| request.payload);
    let operator = proof.operator(context);
    let row = operate::replay(&context.world, &operator, &context.settings, &job, edited.as_deref()).await?;
    hint(context, vec![Hint::now(row.job(), JobQueue::of(&row.kind))])?;
    let location = format!("/v1/jobs/{}", row.id);
    Ok(job_answer(202, &row).with_header("location", location))
}

/// `POST /v1/dead-letters/{id}/discard`: discards a dead letter, optionally with a note.
pub(crate) async fn discard(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let job = job_of_path(context, proof)?;
    let body = context.request.optional_json_body(REQUEST_BYTES_MAX).await?;
    let request: Option<Discard> = body.map(|body| read(&body, "#")).transpose()?;
    let note = request.and_then(|request| request.note);
    let wrong = note.as_ref().and_then(|note| check_note("#/note", note, NOTE_CHARS_MAX));
    if let Some(wrong) = wrong {
        return Err(Problem::InvalidRequest(vec![wrong]));
    }
    let row = operate::discard(&context.world, &proof.operator(context), &job, note).await?;
    DeadLetter::of(&row).map(ApiResponse::ok).ok_or(Problem::Internal)
}

/// `POST /v1/pause` and `/v1/resume`: pauses or resumes everything, with a key for all tenants.
pub(crate) async fn set_paused(context: &mut ApiContext, proof: &Proof, paused: bool) -> Result<ApiResponse, Problem> {
    proof.for_all_tenants("pause or resume everything")?;
    Ok(ApiResponse::ok(operate::set_paused(&context.world, &proof.operator(context), paused).await?))
}

/// `POST /v1/restored`: confirms a restore. The only write that a database of another epoch accepts.
pub(crate) async fn restored(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    proof.for_all_tenants("confirm a restore")?;
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let request: RestoredRequest = read(&body, "#")?;
    let operator = proof.operator(context);
    Ok(ApiResponse::ok(operate::restored(&context.world, &operator, &context.settings, &request).await?))
}
