//! Groups over HTTP.

use longshore::manage::groups::read_group;
use longshore::wire::problem::Problem;

use crate::answer::Answer;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/groups/{id}`
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<Answer, Problem> {
    context.only_parameters(&[])?;
    let tenant = proof.tenant()?;
    Ok(Answer::ok(read_group(&context.world, &tenant, context.placeholder(0)).await?.to_json()))
}
