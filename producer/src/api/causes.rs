//! Causes over HTTP.

use longshore::limits::REQUEST_BYTES_MAX;
use longshore::manage::causes::{
    CauseChange, CauseFilter, CausePosition, CauseState, IgnoreRequest, ShownCause, change_cause, list_causes,
    read_cause,
};
use longshore::wire::checks::read_time;
use longshore::wire::invalid::{check_word, read as read_body};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/causes`: lists causes.
pub(crate) async fn list(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let tenant = proof.tenant()?;
    let filter = filter(context)?;
    let after = context.position::<CausePosition>(&tenant)?;
    let (rows, next) = list_causes(&context.world, &tenant, &filter, after, context.limit()?).await?;
    let cursor = context.cursor(&tenant, next.as_ref());
    Ok(ApiResponse::page(rows.iter().map(ShownCause::from), cursor))
}

fn filter(context: &ApiContext) -> Result<CauseFilter, Problem> {
    let text = |name: &str| context.request.parameter(name);
    let state = text("state");
    if let Some(wrong) = state.and_then(|name| check_word("state", name, &CauseState::ALL.map(CauseState::name))) {
        return Err(Problem::InvalidParameter(wrong));
    }
    let since = text("since").map(|text| read_time("since", text)).transpose().map_err(Problem::InvalidParameter)?;
    Ok(CauseFilter {
        state: CauseState::ALL.into_iter().find(|one| state == Some(one.name())),
        kind: text("kind").map(str::to_owned),
        endpoint: text("endpoint").map(str::to_owned),
        since,
    })
}

/// `GET /v1/causes/{id}`: reads a cause.
pub(crate) async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let row = read_cause(&context.world, &proof.tenant()?, context.placeholder(0)).await?;
    Ok(ApiResponse::ok(ShownCause::from(&row)))
}

/// `POST /v1/causes/{id}/resolve`: resolves a cause.
pub(crate) async fn resolve(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    change(context, proof, CauseChange::Resolve).await
}

/// `POST /v1/causes/{id}/ignore`: sets a cause aside for a time.
pub(crate) async fn ignore(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let request: IgnoreRequest = read_body(&body, "#")?;
    if let Some(wrong) = request.seconds.check("#/seconds") {
        return Err(Problem::InvalidRequest(vec![wrong]));
    }
    change(context, proof, CauseChange::Ignore(request.seconds.get())).await
}

/// `POST /v1/causes/{id}/reopen`: opens a cause again.
pub(crate) async fn reopen(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    change(context, proof, CauseChange::Reopen).await
}

async fn change(context: &ApiContext, proof: &Proof, change: CauseChange) -> Result<ApiResponse, Problem> {
    let operator = proof.operator(context);
    let row = change_cause(&context.world, &operator, &proof.tenant()?, context.placeholder(0), change).await?;
    Ok(ApiResponse::ok(ShownCause::from(&row)))
}
