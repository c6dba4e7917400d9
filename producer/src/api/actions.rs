//! Actions on all jobs that a filter selects, over HTTP.

use longshore::cloudflare::CloudflareWorld;
use longshore::limits::REQUEST_BYTES_MAX;
use longshore::manage::actions::preview::{ActionPreview, preview};
use longshore::manage::actions::request::ActionRequest;
use longshore::manage::actions::steps::drive;
use longshore::manage::actions::{
    ActionChange, ActionJobRow, change_action, create as create_action, list_action_jobs, list_actions, read_action,
};
use longshore::model::action::{Action, ActionRow, ActionState};
use longshore::model::job::Job;
use longshore::routes::ActionOperation;
use longshore::wire::invalid::{check_word, read as read_body};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::wait::{wait_for_end, wait_seconds};
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// Handles an operation on actions.
pub(crate) async fn handle(
    operation: ActionOperation,
    context: &mut ApiContext,
    proof: &Proof,
) -> Result<ApiResponse, Problem> {
    match operation {
        ActionOperation::CreateAction => create(context, proof).await,
        ActionOperation::ListActions => list(context, proof).await,
        ActionOperation::ReadAction => read(context, proof).await,
        ActionOperation::ListActionJobs => list_jobs(context, proof).await,
        ActionOperation::PauseAction => change(context, proof, ActionChange::Pause).await,
        ActionOperation::ResumeAction => change(context, proof, ActionChange::Resume).await,
        ActionOperation::AbortAction => change(context, proof, ActionChange::Abort).await,
    }
}

/// `POST /v1/actions`: creates an action, or with `dry_run` counts what it would select.
async fn create(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let body = context.request.json_body(REQUEST_BYTES_MAX).await?;
    let plan = read_body::<ActionRequest>(&body, "#")?.check()?;
    let tenant = proof.tenant()?;
    if plan.dry_run {
        let found = preview(&context.world, &tenant, &plan).await?;
        return Ok(ApiResponse::ok(ActionPreview::from(&found)));
    }
    let row = create_action(&context.world, &proof.operator(context), &tenant, &plan).await?;
    let answer = ApiResponse::json(202, Action::from(&row));
    let location = format!("/v1/actions/{}", row.id);
    take_steps(context, row)?;
    Ok(answer.with_header("location", location))
}

/// Takes the first steps of an action after the response. The tick takes those that are left.
fn take_steps(context: &ApiContext, row: ActionRow) -> Result<(), Problem> {
    let world = CloudflareWorld::new(&context.env).map_err(|_| Problem::Internal)?;
    let settings = context.settings.clone();
    context.worker.wait_until(async move { drive(&world, &settings, row).await });
    Ok(())
}

/// `GET /v1/actions`: lists actions.
async fn list(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let (tenant, limit) = (proof.tenant()?, context.limit()?);
    let state = context.request.parameter("state");
    if let Some(wrong) = state.and_then(|name| check_word("state", name, &ActionState::ALL.map(ActionState::name))) {
        return Err(Problem::InvalidParameter(wrong));
    }
    let before = context.position::<String>(&tenant)?;
    let rows = list_actions(&context.world, &tenant, state.map(str::to_owned), before, limit).await?;
    Ok(context.page(&tenant, limit, &rows, |row| row.id.clone(), Action::from))
}

/// `GET /v1/actions/{id}`: reads an action; with `?wait=seconds` once all its jobs have ended, or it is paused.
async fn read(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let wait = wait_seconds(context)?;
    let tenant = proof.tenant()?;
    let read = async || read_action(&context.world, &tenant, context.placeholder(0)).await;
    let mut row = read().await?;
    if wait > 0 && !row.is_settled() {
        wait_for_end(context, wait, async || Ok(read().await?.is_settled())).await?;
        row = read().await?;
    }
    Ok(ApiResponse::ok(Action::from(&row)))
}

/// `GET /v1/actions/{id}/jobs`: lists the jobs that an action has created or changed.
async fn list_jobs(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let (tenant, limit) = (proof.tenant()?, context.limit()?);
    let after = context.position::<(i64, i64)>(&tenant)?;
    let rows = list_action_jobs(&context.world, &tenant, context.placeholder(0), after, limit).await?;
    Ok(context.page(&tenant, limit, &rows, ActionJobRow::position, |row| Job::of(&row.0, None)))
}

/// `POST /v1/actions/{id}/pause`, `/resume` and `/abort`: changes an action.
async fn change(context: &mut ApiContext, proof: &Proof, change: ActionChange) -> Result<ApiResponse, Problem> {
    let operator = proof.operator(context);
    let row = change_action(&context.world, &operator, &proof.tenant()?, context.placeholder(0), change).await?;
    let answer = ApiResponse::ok(Action::from(&row));
    if change == ActionChange::Resume {
        take_steps(context, row)?;
    }
    Ok(answer)
}
