//! Endpoints over HTTP.

use longshore::accept::authorize::Caller;
use longshore::accept::insert::{Submitter, accept_for};
use longshore::accept::request::check;
use longshore::limits::REQUEST_BYTES_MAX;
use longshore::manage::endpoints::EndpointChange;
use longshore::manage::test_delivery::{TEST_WAIT_SECONDS, TestDelivery};
use longshore::manage::{endpoints, test_delivery};
use longshore::model::endpoint::Endpoint;
use longshore::model::hint::Hint;
use longshore::ports::Clock;
use longshore::routes::Operation;
use longshore::store::audit::Target;
use longshore::store::rows::read_job;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::accept::{hint, submitter};
use crate::api::read::SANDBOXED;
use crate::api::wait::wait_for_end;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `PUT /v1/endpoints/{id}`: creates or updates an endpoint.
pub(crate) async fn put(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let id = context.placeholder(0);
    let operator = proof.operator(context);
    let row = endpoints::put_endpoint(&context.world, &operator, &context.settings, &tenant, id, &body).await?;
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
    endpoints::change_endpoint(&context.world, &proof.operator(context), &tenant, id, change).await?;
    if change == EndpointChange::Delete {
        return Ok(ApiResponse::nothing());
    }
    let row = endpoints::read_endpoint(&context.world, &tenant, id).await?;
    Ok(ApiResponse::ok(Endpoint::from(&row)))
}

/// `POST /v1/endpoints/{id}/test`: sends one marked delivery now, and answers what came back.
pub(crate) async fn test(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let endpoint = endpoints::read_endpoint(&context.world, &tenant, context.placeholder(0)).await?;
    let caller = Caller { tenant: Some(tenant), ..submitter(context, proof.principal())? };
    let request = test_delivery::request(&endpoint.id, context.world.now_ms());
    let jobs = vec![check(&context.world, &context.settings, request.as_bytes(), 0, None)?];
    let tenant = endpoint.tenant.as_str();
    let action = proof.operator(context).does(Operation::TestEndpoint, tenant, Target::Endpoint, &endpoint.id);
    let submitting = Submitter { caller: &caller, scope: proof.principal().scope(), action: Some(&action) };
    let accepted = accept_for(&context.world, submitting, jobs).await?.pop().ok_or(Problem::Internal)??;
    hint(context, vec![Hint::now(accepted.job.clone(), JobQueue::Express)])?;
    let read = async || read_job(&context.world, &accepted.job).await;
    wait_for_end(context, TEST_WAIT_SECONDS, async || Ok(test_delivery::has_ended(&read().await?))).await?;
    let row = test_delivery::seen(&context.world, read().await?).await?;
    let evidence = test_delivery::evidence_of(&context.world, &row).await;
    Ok(ApiResponse::ok(TestDelivery::of(&row, evidence)).with_header("content-security-policy", SANDBOXED))
}

/// `GET /v1/endpoints/{id}/secret`: reads the signing secrets of an endpoint.
pub(crate) async fn secret(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let id = context.placeholder(0);
    let operator = proof.operator(context);
    Ok(ApiResponse::ok(endpoints::read_secrets(&context.world, &operator, &context.settings, &tenant, id).await?))
}

/// `GET /v1/secret`: reads the secret that signs the tenant's jobs without an endpoint.
pub(crate) async fn tenant_secret(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let operator = proof.operator(context);
    Ok(ApiResponse::ok(endpoints::read_tenant_secret(&context.world, &operator, &context.settings, &tenant).await?))
}

/// `POST /v1/endpoints/{id}/secret/rotate`: rotates the signing secret of an endpoint.
pub(crate) async fn rotate(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let id = context.placeholder(0);
    let operator = proof.operator(context);
    Ok(ApiResponse::ok(endpoints::rotate_secret(&context.world, &operator, &context.settings, &tenant, id).await?))
}
