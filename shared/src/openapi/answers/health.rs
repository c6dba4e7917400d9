//! The shapes of health and readiness.
#![allow(dead_code, reason = "only the schemas are used")]

use schemars::JsonSchema;

/// The Worker runs.
#[derive(JsonSchema)]
pub(in crate::openapi) struct Health {
    #[schemars(extend("const" = "ok"))]
    status: String,
    version: String,
}

/// Whether the pipeline works.
#[derive(JsonSchema)]
pub(in crate::openapi) struct Readiness {
    /// Both crons ticked within three minutes, and there is room.
    ready: bool,
    /// Null if it never ticked.
    consumer_tick_age_seconds: Option<i64>,
    producer_tick_age_seconds: Option<i64>,
    /// How long the oldest row that is due waits for the sweep.
    oldest_due_seconds: Option<i64>,
    paused: Option<bool>,
    storage_full: Option<bool>,
    /// Whether the store is of another epoch than the deployment.
    restoring: Option<bool>,
    /// The daily limit of Cloudflare's free plan that the account has spent: `rows_read`, `rows_written` or `queue_operations`.
    /// Without reads the others are null; without operations of the queue the sweep runs the jobs, and the deployment is ready.
    daily_limit: Option<String>,
    /// How far a rotation of the master key is; null while no key is rotated out.
    key_rotation: Option<KeyRotation>,
}

/// How far a rotation of the master key is.
#[derive(JsonSchema)]
struct KeyRotation {
    state: RotationState,
    /// Values that this round of the walk has sealed again.
    found: u64,
    /// What the last whole round found; null before its end.
    left: Option<u64>,
}

/// How a rotation stands.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum RotationState {
    /// Not both Workers seal with the new key yet, or their crons have not ticked since.
    Waiting,
    /// What the old key sealed is sealed again.
    Walking,
    /// Nothing is sealed with the old key any more: it can be removed.
    Done,
}
