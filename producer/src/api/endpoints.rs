//! Endpoints over HTTP.

use longshore::limits::REQUEST_BYTES_MAX;
use longshore::manage::endpoints;
use longshore::manage::endpoints::EndpointChange;
use longshore::model::endpoint::Endpoint;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `PUT /v1/endpoints/{id}`: creates or updates an endpoint.
pub(crate) async fn put(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let id = context.placeholder(0);
    let row = endpoints::put_endpoint(&context.world, &context.settings, &tenant, id, &body).await?;
    Ok(ApiResponse::ok(Endpoint::from(&row)))
}

/// `GET /v1/endpoints/{id}`: reads an endpoint.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let row = endpoints::read_endpoint(&context.world, &tenant, context.placeholder(0)).await?;
    Ok(ApiResponse::ok(Endpoint::from(&row)))
}

/// `GET /v1/endpoints`: lists endpoints.
pub(crate) async fn list(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let after = context.position::<String>(&tenant)?.unwrap_or_default();
    let limit = context.limit()?;
    let rows = endpoints::list_endpoints(&context.world, &tenant, &after, limit).await?;
    Ok(context.page(&tenant, limit, &rows, |row| &row.id, Endpoint::from))
}

/// `DELETE /v1/endpoints/{id}`, and `POST` to its `/pause` and `/resume`: changes the state of an endpoint.
pub(crate) async fn change(
    context: &mut ApiContext,
    proof: &Proof,
    change: EndpointChange,
) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let id = context.placeholder(0);
    endpoints::change_endpoint(&context.world, &tenant, id, change).await?;
    if change == EndpointChange::Delete {
        return Ok(ApiResponse::nothing());
    }
    let row = endpoints::read_endpoint(&context.world, &tenant, id).await?;
    Ok(ApiResponse::ok(Endpoint::from(&row)))
}

/// `GET /v1/endpoints/{id}/secret`: reads the signing secrets of an endpoint.
pub(crate) async fn secret(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let id = context.placeholder(0);
    Ok(ApiResponse::ok(endpoints::read_secrets(&context.world, &context.settings, &tenant, id).await?))
}

/// `GET /v1/secret`: reads the secret that signs the tenant's jobs without an endpoint.
pub(crate) async fn tenant_secret(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    Ok(ApiResponse::ok(endpoints::read_tenant_secret(&context.world, &context.settings, &tenant).await?))
}

/// `POST /v1/endpoints/{id}/secret/rotate`: rotates the signing secret of an endpoint.
pub(crate) async fn rotate(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let id = context.placeholder(0);
    Ok(ApiResponse::ok(endpoints::rotate_secret(&context.world, &context.settings, &tenant, id).await?))
}
