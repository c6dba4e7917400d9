//! Actions on all jobs that a filter selects.

use super::{ACTIONS, illegal};
use crate::manage::actions::preview::ActionPreview;
use crate::manage::actions::request::ActionRequest;
use crate::model::action::Action;
use crate::model::job::Job;
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;
use crate::openapi::examples::actions;
use crate::routes::ActionOperation;

/// Describes an operation on actions.
pub(super) fn describe_operation(operation: ActionOperation) -> OperationDoc {
    match operation {
        ActionOperation::CreateAction => create_action(),
        ActionOperation::ListActions => list_actions(),
        ActionOperation::ReadAction => read_action(),
        ActionOperation::ListActionJobs => list_action_jobs(),
        ActionOperation::PauseAction => pause_action(),
        ActionOperation::ResumeAction => resume_action(),
        ActionOperation::AbortAction => abort_action(),
    }
}

fn create_action() -> OperationDoc {
    let description = "Replays or discards dead letters, retries waiting jobs, or cancels jobs: all that the filter selects at \
                       the time of the request. With `dry_run`, answers `200` with what would be selected. Handles the oldest \
                       jobs first, step by step. A dead letter gets one successor, however often it is replayed.";
    describe(ACTIONS, "Acts on all jobs that a filter selects", description)
        .of_tenant()
        .reads::<ActionRequest>(actions::requests())
        .answers::<ActionPreview<'_>>(200, "What would be selected, for a dry run.", actions::preview())
        .answers::<Action<'_>>(202, "The action is stored.", actions::action("running"))
        .with_headers(&["Location"])
}

fn list_actions() -> OperationDoc {
    describe(ACTIONS, "Lists actions", "The newest first.")
        .takes(&["state-of-actions"])
        .pages()
        .of_tenant()
        .answers_page::<Action<'_>>("A page of actions.", &actions::action("done"))
}

fn read_action() -> OperationDoc {
    let description = "With `wait`, answers when the action and all its jobs have ended, when it is paused, or when the time is \
                       over.";
    describe(ACTIONS, "Reads an action", description).takes(&["wait"]).of_tenant().answers::<Action<'_>>(
        200,
        "The action.",
        actions::action("done"),
    )
}

fn list_action_jobs() -> OperationDoc {
    let description = "The jobs that it has replayed, retried, cancelled or discarded, in that order: for a replay the new jobs. \
                       Those that failed again are the dead letters with `?action=` and its id.";
    describe(ACTIONS, "Lists the jobs of an action", description)
        .pages()
        .of_tenant()
        .answers_page::<Job<'_>>("A page of jobs.", &examples::listed_job())
}

fn changed(title: &'static str, description: &'static str, state: &str, refused: &str) -> OperationDoc {
    describe(ACTIONS, title, description)
        .of_tenant()
        .answers::<Action<'_>>(200, "The action after the request.", actions::action(state))
        .refuses([illegal(refused)])
}

fn pause_action() -> OperationDoc {
    let description = "No further jobs are handled. Those that a rate has scheduled already, for two minutes at most, continue. \
                       Idempotent.";
    let refused = "Only an action that is `running` can be paused; this one is `done`";
    changed("Pauses an action", description, "paused", refused)
}

fn resume_action() -> OperationDoc {
    let description = "Continues where it was paused. If its canary had failed, it continues without it. Idempotent.";
    let refused = "Only an action that is `paused` can be resumed; this one is `done`";
    changed("Resumes an action", description, "running", refused)
}

fn abort_action() -> OperationDoc {
    let description = "Ends the action. Jobs that it has handled stay as they are. Idempotent.";
    let refused = "Only an action that is `running` or `paused` can be aborted; this one is `done`";
    changed("Aborts an action", description, "aborted", refused)
}
