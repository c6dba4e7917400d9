//! Example of a status.

use serde_json::{Value, json};

use super::AT;
use super::answers::cause_row;
use super::shown::shown;
use crate::limits::STATUS_CAUSE_JOBS_COUNTED_MAX;
use crate::limits::plan::PAID;
use crate::manage::health::HealthRow;
use crate::manage::status::{QueueBacklog, StatusOf, StatusRead};
use crate::settings::Settings;
use crate::wire::time::Time;

/// Bytes of the example's database, now and a day before.
const BYTES: (i64, i64) = (3_200_000_000, 3_100_000_000);

fn health() -> Value {
    json!({
        "now": AT, "swept_at": AT - 12_000, "ticked_at": AT - 9_000, "epoch": 0, "paused": 0, "storage_full": 0,
        "queue_spent_until": 0,
    })
}

fn row() -> Value {
    json!({
        "now": AT, "dead": 12, "held": 0, "failing": [1_001, 1_001], "due": 1,
        "oldest_due": {"tenant": "acme", "id": "job_0001KBJ3DW00ZX3VJ5T8M4QY6R7N", "at": AT - 4_000},
        "recent": {"queued": 3, "running": 2, "succeeded": 41}, "size_before": BYTES.1, "size_before_at": AT - 86_400_000,
    })
}

fn cause() -> Value {
    let mut cause = cause_row("open");
    cause["retrying"] = json!(STATUS_CAUSE_JOBS_COUNTED_MAX + 1);
    cause["failing_since"] = json!(AT - 900_000);
    cause
}

pub(in crate::openapi) fn status() -> Value {
    let Ok(settings) = Settings::parse(|name| match name {
        "MASTER_KEY" => Some("0".repeat(64)),
        "PLAN" => Some(PAID.name.to_owned()),
        _ => None,
    }) else {
        return Value::Null;
    };
    let queue = QueueBacklog { queue: "HINTS", messages: 3, bytes: 912, oldest_at: Some(Time(AT - 1_000)) };
    shown(health(), |health: &HealthRow| {
        let whole = serde_json::from_value(row()).ok().zip(serde_json::from_value(cause()).ok());
        whole.map_or(Value::Null, |(row, cause)| {
            let read = StatusRead {
                health: health.clone(),
                row,
                causes: vec![cause],
                has_more: false,
                held: Vec::new(),
                usage: serde_json::from_value(json!({"pairs": 3, "today": 150_000, "day": 440_000, "recent": 57_000}))
                    .ok(),
                size_bytes: Some(BYTES.0),
            };
            let queues = Some(std::slice::from_ref(&queue));
            json!(StatusOf { read: &read, settings: &settings, tenant: None, spent: None, queues }.status())
        })
    })
}
