//! Actions on all jobs that a filter selects: replay, retry, cancel or discard.
//!
//! [`request`] checks what is asked, [`preview`] counts it, [`create`] stores it, and [`steps`] handles the jobs, some in each
//! batch. Which jobs are selected is fixed at the start: those that existed, or had died, by then.

pub mod preview;
pub mod request;
pub mod steps;

use serde::Deserialize;
use serde_json::json;

use crate::manage::actions::preview::preview;
use crate::manage::actions::request::ActionPlan;
use crate::model::action::{ActionRow, ActionState};
use crate::model::job::{JobRow, mint_ulid};
use crate::ports::{Clock, Database};
use crate::routes::{ActionOperation, Operation};
use crate::store::audit::{Operator, Target};
use crate::store::rows::{read_first, read_rows, unavailable};
use crate::store::{batch, json_param, sql};
use crate::wire::problem::Problem;

/// Prefix of every id of an action.
const ID_PREFIX: &str = "act_";
/// Upper bound of all ids of actions: the prefix and a character after all digits and letters.
const ID_END: &str = "act_~";

/// Creates an action and returns it. The caller then takes its first steps, see [`steps::drive`].
///
/// # Errors
/// `Unavailable`.
pub async fn create<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    plan: &ActionPlan,
) -> Result<ActionRow, Problem> {
    let found = preview(world, tenant, plan).await?;
    let id = format!("{ID_PREFIX}{}", mint_ulid(found.now, world.random()));
    let terms = json!({
        "tenant": tenant, "id": id, "verb": plan.verb.name(), "filter": plan.filters,
        "include_retrying": i64::from(plan.include_retrying), "note": plan.note, "created_at": found.now,
        "expected": found.matched.count, "expects_more": i64::from(found.matched.at_least), "rate": plan.rate,
        "canary": plan.canary, "canary_ms": plan.canary_seconds.map(|seconds| i64::from(seconds) * 1_000),
        "position": [0, 0, ""],
    });
    // Without the filter and the note, which may be about a person: the action has both, and an erasure empties them.
    let after = json!({"do": plan.verb, "expected": found.matched});
    let noting =
        operator.does(Operation::Actions(ActionOperation::CreateAction), tenant, Target::Action, &id).after(after);
    let statements = [sql!("insert_action", json_param(&terms)), noting.if_changed()];
    batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    read_action(world, tenant, &id).await
}

/// Reads an action; costs two rows read.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_action<W: Database + Clock>(world: &W, tenant: &str, id: &str) -> Result<ActionRow, Problem> {
    read_first(world, sql!("read_action", tenant, id)).await?.ok_or_else(|| Problem::not_found("Action", id))
}

/// Reads a page of a tenant's actions, the newest first, with ids below `before`.
///
/// # Errors
/// `Unavailable`.
pub async fn list_actions<W: Database + Clock>(
    world: &W,
    tenant: &str,
    state: Option<String>,
    before: Option<String>,
    limit: u32,
) -> Result<Vec<ActionRow>, Problem> {
    let before = before.unwrap_or_else(|| ID_END.to_owned());
    read_rows(world, sql!("list_actions", tenant, before, state, i64::from(limit))).await
}

/// A job of an action with its position: the step, and its number in the step. An array, because a flattened row could not keep
/// the notation of its JSON.
#[derive(Debug, Deserialize)]
pub struct ActionJobRow(pub JobRow, i64, i64);

impl ActionJobRow {
    /// Returns its position in the list.
    pub fn position(&self) -> (i64, i64) {
        (self.1, self.2)
    }
}

/// Reads a page of the jobs that an action has created or changed, in the order of its steps. Deleted jobs are not among them.
///
/// # Errors
/// `NotFound` if there is no such action; `Unavailable`.
pub async fn list_action_jobs<W: Database + Clock>(
    world: &W,
    tenant: &str,
    id: &str,
    after: Option<(i64, i64)>,
    limit: u32,
) -> Result<Vec<ActionJobRow>, Problem> {
    read_action(world, tenant, id).await?;
    let (step, place) = after.unwrap_or((0, -1));
    let terms = json!({"tenant": tenant, "action": id, "step": step, "place": place});
    read_rows(world, sql!("list_action_jobs", json_param(&terms), i64::from(limit))).await
}

/// Change of an action by an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionChange {
    /// Pauses it: no further jobs are handled.
    Pause,
    /// Resumes it, also after its canary failed.
    Resume,
    /// Ends it.
    Abort,
}

impl ActionChange {
    /// Returns the state afterwards, the states before, and the verb of an error text.
    fn terms(self) -> (ActionState, &'static [ActionState], &'static str) {
        match self {
            ActionChange::Pause => (ActionState::Paused, &[ActionState::Running], "paused"),
            ActionChange::Resume => (ActionState::Running, &[ActionState::Paused], "resumed"),
            ActionChange::Abort => (ActionState::Aborted, &[ActionState::Running, ActionState::Paused], "aborted"),
        }
    }

    fn operation(self) -> Operation {
        Operation::Actions(match self {
            ActionChange::Pause => ActionOperation::PauseAction,
            ActionChange::Resume => ActionOperation::ResumeAction,
            ActionChange::Abort => ActionOperation::AbortAction,
        })
    }
}

/// Pauses, resumes or aborts an action, and returns it. Jobs that were started already continue. Safe to repeat.
///
/// # Errors
/// `NotFound`; `IllegalTransition` if its state does not allow the change; `Unavailable`.
pub async fn change_action<W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    id: &str,
    change: ActionChange,
) -> Result<ActionRow, Problem> {
    let (state, from, done) = change.terms();
    let noting = operator.does(change.operation(), tenant, Target::Action, id).after(json!({"state": state}));
    let statements = [
        sql!("note_action_state", noting.param(), json_param(&from)),
        sql!("set_action_state", tenant, id, state.name(), json_param(&from)),
    ];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let row = read_action(world, tenant, id).await?;
    if row.state == state || answers.last().is_some_and(|rows| !rows.is_empty()) {
        return Ok(row);
    }
    let allowed: Vec<_> = from.iter().map(|state| format!("`{}`", state.name())).collect();
    let (allowed, state) = (allowed.join(" or "), row.state.name());
    Err(Problem::IllegalTransition(format!("Only an action that is {allowed} can be {done}; this one is `{state}`")))
}
