//! Usage over HTTP.

use longshore::manage::usage::{Days, Position, Usage, UsageRow, list_usage};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/usage`: lists provider usage by day and model.
pub(crate) async fn list(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let days = Days::parse(context.request.parameter("from"), context.request.parameter("to"))?;
    let tenant = proof.tenant()?;
    let after = context.position::<Position>(&tenant)?;
    let limit = context.limit()?;
    let rows = list_usage(&context.world, &tenant, days, after, limit).await?;
    Ok(context.page(&tenant, limit, &rows, UsageRow::position, Usage::from))
}
