//! Quotas of tenants over HTTP. A tenant can read its quota; only a key for all tenants can set one.

use longshore::accept::quotas;
use longshore::limits::REQUEST_BYTES_MAX;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::erasures::tenant_of_path;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/tenants/{id}/quota`: reads a tenant's quota.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = tenant_of_path(context, proof)?;
    Ok(ApiResponse::ok(quotas::read_quota(&context.world, &tenant).await?))
}

/// `PUT /v1/tenants/{id}/quota`: sets or removes a tenant's quota.
pub(crate) async fn put(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    proof.for_all_tenants("set a quota")?;
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let operator = proof.operator(context);
    Ok(ApiResponse::ok(quotas::put_quota(&context.world, &operator, context.placeholder(0), &body).await?))
}
