//! Examples of actions.

use serde_json::{Value, json};

use super::AT;
use super::shown::shown;
use crate::manage::actions::preview::{ActionPreview, PreviewRow};
use crate::model::action::{Action, ActionRow};

const ID: &str = "act_01KBJ3DW004QY6R7NZX3VJ5T8M";

pub(in crate::openapi) fn requests() -> Vec<(&'static str, Value)> {
    vec![
        (
            "a cause",
            json!({
                "do": "replay", "filter": {"cause": "cause_q8sJ2mB0r5LkXw1v"}, "include_retrying": true, "canary": 1,
                "canary_seconds": 120, "rate_per_second": 50,
            }),
        ),
        ("dry run", json!({"do": "cancel", "filter": {"group": "import", "state": "scheduled"}, "dry_run": true})),
        (
            "discard",
            json!({"do": "discard", "filter": {"metadata.customer.id": "42"}, "note": "The customer has left."}),
        ),
    ]
}

fn row(state: &str) -> Value {
    let has_ended = state == "done" || state == "aborted";
    json!({
        "tenant": "acme", "id": ID, "verb": "replay", "filter": {"cause": "cause_q8sJ2mB0r5LkXw1v"}, "include_retrying": 1,
        "state": state, "paused_reason": (state == "paused").then_some("canary_failed"), "created_at": AT,
        "ended_at": has_ended.then_some(AT + 10_000), "expected": 300, "expects_more": 0, "rate": 50, "next_start_at": 0,
        "canary": 1, "canary_ms": 120_000, "canary_state": if state == "paused" { "failed" } else { "passed" },
        "canary_until": AT + 121_000, "step": 4, "position": [0, 0, ""], "matched": 300, "done": 299, "now": AT, "total": 299,
        "succeeded": 298, "failed": 1, "finished_at": AT + 12_000,
    })
}

pub(in crate::openapi) fn action(state: &str) -> Value {
    shown(row(state), |row: &ActionRow| json!(Action::from(row)))
}

pub(in crate::openapi) fn action_line(line: impl FnOnce(&ActionRow) -> Value) -> Value {
    shown(row("done"), line)
}

pub(in crate::openapi) fn preview() -> Value {
    json!(ActionPreview::from(&PreviewRow::example(AT)))
}
