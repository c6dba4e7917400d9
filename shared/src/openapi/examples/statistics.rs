//! Example of statistics.

use serde_json::{Value, json};

use super::AT;
use crate::manage::statistics::{Range, Statistics};
use crate::wire::time::rfc3339;

/// Totals at the start and at the end of the example's only point.
fn totals(succeeded: i64) -> Value {
    json!({
        "accepted": succeeded + 1, "succeeded": succeeded, "retried": 2, "class:succeeded": succeeded, "class:http_5xx": 2,
        "start:2": succeeded, "start_ms": succeeded * 40, "attempt:4": succeeded + 2, "attempt_ms": succeeded * 120,
        "success:4": succeeded, "success_ms": succeeded * 170,
    })
}

pub(in crate::openapi) fn statistics() -> Value {
    let [from, to] = [AT, AT + 60_000].map(rfc3339);
    let range = Range::parse([Some(&from), Some(&to), Some("minute"), None], AT + 60_000);
    let rows: Vec<_> = [(0, 100), (1, 141)]
        .into_iter()
        .filter_map(|(number, succeeded)| {
            serde_json::from_value(json!(["acme", "webhook", "orders", "orders", number, totals(succeeded)])).ok()
        })
        .collect();
    range.map_or(Value::Null, |range| json!(Statistics::of(&range, rows)))
}
