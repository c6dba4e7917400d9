//! Deletion of old actions and old snapshots of totals.

use serde_json::json;

use crate::limits::{
    PURGED_ACTIONS_AT_ONCE, SNAPSHOT_CHECK_MS, SNAPSHOT_DAYS_KEPT, SNAPSHOT_HOURS_KEPT, SNAPSHOT_MINUTES_KEPT,
    SNAPSHOT_SERIES_AT_ONCE,
};
use crate::ports::Statement;
use crate::store::{json_param, sql};

/// Builds the statements that delete old actions: their steps and counts first, because they are found by their actions.
pub(super) fn purging_actions(retention_ms: i64) -> [Statement; 3] {
    [
        sql!("purge_action_steps", retention_ms, PURGED_ACTIONS_AT_ONCE),
        sql!("purge_action_counts", retention_ms, PURGED_ACTIONS_AT_ONCE),
        sql!("purge_actions", retention_ms, PURGED_ACTIONS_AT_ONCE),
    ]
}

/// Builds the statements that delete old snapshots of some series.
pub(super) fn purging_snapshots() -> [Statement; 2] {
    let kept = json!({"minutes": SNAPSHOT_MINUTES_KEPT, "hours": SNAPSHOT_HOURS_KEPT, "days": SNAPSHOT_DAYS_KEPT});
    [
        sql!("purge_snapshots", SNAPSHOT_SERIES_AT_ONCE, json_param(&kept)),
        sql!("check_series_later", SNAPSHOT_SERIES_AT_ONCE, SNAPSHOT_CHECK_MS),
    ]
}
