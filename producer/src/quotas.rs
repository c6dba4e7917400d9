//! Quotas of tenants over HTTP. A tenant reads its own; only who is for all tenants sets one.

use longshore::key::Scope;
use longshore::limits::REQUEST_BYTES_MAX;
use longshore::problem::Problem;
use longshore::quotas;

use crate::answer::Answer;
use crate::authenticate::{caller, for_all_tenants};
use crate::context::ApiContext;
use crate::erasures::tenant_of_path;

/// `GET /v1/tenants/{id}/quota`
pub(crate) async fn read(context: &mut ApiContext, scope: Scope) -> Result<Answer, Problem> {
    let tenant = tenant_of_path(context, scope).await?;
    Ok(Answer::ok(quotas::read_quota(&context.world, &tenant).await?))
}

/// `PUT /v1/tenants/{id}/quota`
pub(crate) async fn put(context: &mut ApiContext, scope: Scope) -> Result<Answer, Problem> {
    for_all_tenants(context, &caller(context)?, scope, "sets a quota").await?;
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    Ok(Answer::ok(quotas::put_quota(&context.world, context.placeholder(0), &body).await?))
}
