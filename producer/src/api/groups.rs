//! Groups over HTTP.

use longshore::manage::groups::{Group, read_group};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/groups/{id}`: reads the counts of a group.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    context.only_parameters(&[])?;
    let tenant = proof.tenant()?;
    let row = read_group(&context.world, &tenant, context.placeholder(0)).await?;
    Ok(ApiResponse::ok(Group::from(&row)))
}
