//! Reads of jobs, attempts, evidence and dead letters.

use longshore::kinds::shown;
use longshore::limits::{ATTEMPTS_WITH_EVIDENCE_MAX, EXPORT_PAGE};
use longshore::manage::filter::JobFilter;
use longshore::manage::{operate, query};
use longshore::model::attempt::Attempt;
use longshore::model::dead_letter::DeadLetter;
use longshore::model::evidence::Evidence;
use longshore::model::job::{Job, JobRef, JobRow};
use longshore::store::rows;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::wait::{wait_for_end, wait_seconds};
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// Policy of answers with evidence: a body may come from any server, so browsers must not run it.
pub(crate) const SANDBOXED: &str = "sandbox; default-src 'none'";

/// Returns the job in the path, of the key's tenant.
pub(crate) fn job_of_path(context: &ApiContext, proof: &Proof) -> Result<JobRef, Problem> {
    let tenant = proof.tenant()?;
    Ok(JobRef { tenant, id: context.placeholder(0).to_owned() })
}

/// `GET /v1/jobs/{id}`: reads a job; `?wait=seconds` waits until it has ended.
pub(crate) async fn read_job(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let wait = wait_seconds(context)?;
    let job = job_of_path(context, proof)?;
    let row = rows::read_job(&context.world, &job).await?;
    if wait == 0 || row.state.is_terminal() {
        return Ok(job_answer(200, &row));
    }
    wait_for_end(context, wait, async || query::has_finished(&context.world, &job).await).await?;
    Ok(job_answer(200, &rows::read_job(&context.world, &job).await?))
}

/// Creates the response with a job and its payload. Secret header values are hidden.
pub(crate) fn job_answer(status: u16, row: &JobRow) -> ApiResponse {
    let payload = row.payload.as_deref().and_then(|payload| shown(&row.kind, payload));
    ApiResponse::json(status, Job::of(row, payload.as_deref()))
}

/// `GET /v1/jobs`: lists jobs.
pub(crate) async fn list_jobs(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let limit = context.limit()?;
    let limit = if context.request.wants_lines() { EXPORT_PAGE } else { limit };
    if let Some(key) = context.request.parameter("idempotency_key") {
        // A key determines its jobs, so that further filters would be ignored.
        context.only_parameters(&["idempotency_key"])?;
        if context.request.parameter("cursor").is_some() {
            // Its jobs fit on one page: no valid cursor exists.
            return Err(Problem::InvalidCursor);
        }
        let rows = query::list_by_key(&context.world, &tenant, key, limit).await?;
        return Ok(ApiResponse::page(rows.iter().map(|row| Job::of(row, None)), None));
    }
    let filter = filter(context)?;
    let before = context.position::<String>(&tenant)?;
    let page = if context.request.wants_lines() {
        query::step_of_jobs(&context.world, &tenant, &filter, before, limit).await?
    } else {
        query::list_jobs(&context.world, &tenant, &filter, before, limit).await?
    };
    let cursor = context.cursor(&tenant, page.next.as_ref());
    let answer = ApiResponse::page(page.rows.iter().map(|row| Job::of(row, None)), cursor);
    Ok(answer.searched_to(page.searched_to))
}

fn filter(context: &ApiContext) -> Result<JobFilter, Problem> {
    JobFilter::read(context.request.parameters()).map_err(Problem::InvalidParameter)
}

/// `GET /v1/jobs/{id}/attempts`: lists the attempts of a job, with headers and sizes if their evidence can be read.
pub(crate) async fn list_attempts(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let row = rows::read_job(&context.world, &job_of_path(context, proof)?).await?;
    let older = row.log.len().saturating_sub(ATTEMPTS_WITH_EVIDENCE_MAX);
    let evidence = query::read_evidences(&context.world, &row.log, older).await;
    let attempts = row.log.iter().zip(evidence).enumerate();
    let shown = attempts.map(|(index, (entry, read))| {
        let exchanged = read.as_ref().map(Evidence::exchanged).unwrap_or_default();
        Attempt::of(&row.id, index + 1, entry, exchanged)
    });
    Ok(ApiResponse::page(shown, None))
}

/// `GET /v1/jobs/{id}/attempts/{n}/evidence`: reads the evidence of an attempt.
pub(crate) async fn read_evidence(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let row = rows::read_job(&context.world, &job_of_path(context, proof)?).await?;
    let number = context.placeholder(1);
    let index = number.parse().ok().and_then(|number: usize| number.checked_sub(1));
    let entry = index.and_then(|index| row.log.get(index));
    let entry = entry.ok_or_else(|| Problem::not_found("Attempt", number))?;
    let evidence = query::read_evidence(&context.world, entry).await?;
    Ok(ApiResponse::ok(evidence).with_header("content-security-policy", SANDBOXED))
}

/// `GET /v1/jobs/{id}/vectors`: reads the vectors of an `embed` job.
pub(crate) async fn read_vectors(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let job = job_of_path(context, proof)?;
    Ok(ApiResponse::bytes(query::read_vectors(&context.world, &job).await?))
}

/// `GET /v1/dead-letters`: lists open dead letters.
pub(crate) async fn list_dead_letters(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let after = context.position::<query::DeadPosition>(&tenant)?;
    let (filter, limit) = (filter(context)?, context.limit()?);
    let page = if context.request.wants_lines() {
        query::step_of_dead_letters(&context.world, &tenant, &filter, after, limit).await?
    } else {
        query::list_dead_letters(&context.world, &tenant, &filter, after, limit).await?
    };
    let cursor = context.cursor(&tenant, page.next.as_ref());
    Ok(ApiResponse::page(page.rows.iter().filter_map(DeadLetter::of), cursor).searched_to(page.searched_to))
}

/// `GET /v1/dead-letters/{id}`: reads a dead letter.
pub(crate) async fn read_dead_letter(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let row = operate::read_dead_letter(&context.world, &job_of_path(context, proof)?).await?;
    DeadLetter::of(&row).map(ApiResponse::ok).ok_or(Problem::Internal)
}
