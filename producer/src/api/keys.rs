//! API keys and malformed messages over HTTP, for admins.

use longshore::limits::REQUEST_BYTES_MAX;
use longshore::manage::{keys, malformed_messages};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `POST /v1/keys`: creates an API key.
pub(crate) async fn create(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let of = proof.keeps_keys_of();
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let only_tenant = (of != "*").then_some(of.as_str());
    let operator = proof.operator(context);
    Ok(ApiResponse::json(201, keys::create_key(&context.world, &operator, only_tenant, &body).await?))
}

/// `GET /v1/keys`: lists API keys.
pub(crate) async fn list(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let of = proof.keeps_keys_of();
    let after = context.position::<String>(&of)?.unwrap_or_default();
    let limit = context.limit()?;
    let rows = keys::list_keys(&context.world, &of, &after, limit).await?;
    Ok(context.page(&of, limit, &rows, |row| &row.id, |key| key))
}

/// `DELETE /v1/keys/{id}`: revokes an API key.
pub(crate) async fn revoke(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let of = proof.keeps_keys_of();
    keys::revoke_key(&context.world, &proof.operator(context), &of, context.placeholder(0)).await?;
    Ok(ApiResponse::nothing())
}

/// `GET /v1/malformed-messages`: lists malformed messages, which belong to no tenant.
pub(crate) async fn malformed_messages(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    proof.for_all_tenants("list malformed messages")?;
    let after = context.position::<String>("*")?.unwrap_or_default();
    let limit = context.limit()?;
    let rows = malformed_messages::list_malformed_messages(&context.world, &after, limit).await?;
    Ok(context.page("*", limit, &rows, |row| &row.id, |message| message))
}
