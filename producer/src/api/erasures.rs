//! Erasures of tenants and subjects over HTTP, and their receipts.

use longshore::cloudflare::is_bound;
use longshore::index::manage;
use longshore::limits::ID_SKEW_MS_MAX;
use longshore::manage::erasures::{Erasure, read_erasure, request_erasure, subject_of};
use longshore::store::rows::unavailable;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// Returns the tenant in the path, which must be the caller's.
pub(crate) fn tenant_of_path(context: &ApiContext, proof: &Proof) -> Result<String, Problem> {
    let tenant = proof.tenant()?;
    if tenant == context.placeholder(0) {
        Ok(tenant)
    } else {
        Err(Problem::not_found("Tenant", context.placeholder(0)))
    }
}

fn receipt(erasure: &Erasure) -> ApiResponse {
    ApiResponse::json(202, erasure).with_header("location", format!("/v1/erasures/{}", erasure.id))
}

/// `DELETE /v1/tenants/{id}`: erases a tenant.
pub(crate) async fn erase_tenant(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = tenant_of_path(context, proof)?;
    let run = request_erasure(&context.world, &proof.operator(context), &tenant, None).await?;
    // Runs after the keys are deleted. The sweep deletes what remains after a failure here, and what a concurrent
    // request creates.
    if is_bound(&context.env, "INDEX_DB") {
        let before = run.created_at.0 + ID_SKEW_MS_MAX;
        manage::erase_tenant(&context.world, &tenant, before).await.map_err(|error| unavailable(&error))?;
    }
    Ok(receipt(&run))
}

/// `DELETE /v1/tenants/{id}/subjects/{subject}`: erases a subject of a tenant.
pub(crate) async fn erase_subject(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = tenant_of_path(context, proof)?;
    let subject = subject_of(context.placeholder(1))?;
    let operator = proof.operator(context);
    Ok(receipt(&request_erasure(&context.world, &operator, &tenant, Some(&subject)).await?))
}

/// `GET /v1/erasures/{id}`: reads the receipt of an erasure.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    Ok(ApiResponse::ok(read_erasure(&context.world, &tenant, context.placeholder(0)).await?))
}
