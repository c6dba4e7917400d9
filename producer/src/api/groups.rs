//! Groups over HTTP.

use longshore::manage::groups::{Group, read_group};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
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
