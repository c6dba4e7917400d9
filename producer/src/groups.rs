//! Groups over HTTP.

use longshore::groups::read_group;
use longshore::key::Scope;
use longshore::problem::Problem;

use crate::answer::Answer;
use crate::authenticate::tenant;
use crate::context::ApiContext;

/// `GET /v1/groups/{id}`
pub(crate) async fn read(context: &mut ApiContext, scope: Scope) -> Result<Answer, Problem> {
    context.only_parameters(&[])?;
    let tenant = tenant(context, scope).await?;
    Ok(Answer::ok(read_group(&context.world, &tenant, context.placeholder(0)).await?.to_json()))
}
