//! Groups over HTTP.

use longshore::limits::REQUEST_BYTES_MAX;
use longshore::manage::groups::{CloseGroup, Group, close_group, read_group};
use longshore::model::origin::Origin;
use longshore::wire::invalid::read as read_body;
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::accept::hint;
use crate::api::wait::{wait_for_end, wait_seconds};
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/groups/{id}`: reads the counts of a group, with `?wait=seconds` once all its jobs have ended.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let wait = wait_seconds(context)?;
    let tenant = proof.tenant()?;
    let read = async || read_group(&context.world, &tenant, context.placeholder(0)).await;
    let mut row = read().await?;
    if wait > 0 && row.finished_at.is_none() {
        wait_for_end(context, wait, async || Ok(read().await?.finished_at.is_some())).await?;
        row = read().await?;
    }
    Ok(ApiResponse::ok(Group::from(&row)))
}

/// `POST /v1/groups/{id}/close`: closes a group, optionally with a webhook that is sent when all its jobs have ended.
pub(crate) async fn close(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let origin = Origin::of(|name| context.request.header(name))?;
    let body = context.request.optional_json_body(REQUEST_BYTES_MAX).await?;
    let request: CloseGroup = body.map(|body| read_body(&body, "#")).transpose()?.unwrap_or_default();
    let (row, made) = close_group(&context.world, &tenant, context.placeholder(0), &request, &origin).await?;
    hint(context, made.into_iter().collect())?;
    Ok(ApiResponse::ok(Group::from(&row)))
}
