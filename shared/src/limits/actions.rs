//! Limits of actions on all jobs that a filter selects.

use super::HINT_DELAY_MS_MAX;

/// Dead letters that one step replays. Each gets a successor, so a step writes about five rows for each.
pub const ACTION_STEP_REPLAYS: u32 = 100;
/// Jobs that one step retries, cancels or discards.
pub const ACTION_STEP_JOBS: u32 = 500;
/// Rows that one step reads to find them. A filter without an index may select few of them.
pub const ACTION_STEP_ROWS_READ: i64 = 1_000;
/// Rows of each list that a preview reads. A larger number of jobs is shown as "at least".
pub const ACTION_PREVIEW_ROWS_READ: i64 = 5_000;
/// Endpoints, causes and sample jobs that a preview lists.
pub const ACTION_PREVIEW_LISTED: i64 = 10;
/// Maximum jobs that an action starts in a second: faster than that is as good as at once.
pub const ACTION_RATE_MAX: u32 = 1_000;
/// Time ahead for which a step schedules jobs at a rate: two ticks, so that the rate does not stop between them, and as long as the
/// queue delays a hint. An action that is paused or aborted starts no later ones.
pub const ACTION_AHEAD_MS: i64 = HINT_DELAY_MS_MAX;
const _: () = assert!(ACTION_AHEAD_MS >= 2 * 60_000);
/// Maximum jobs of a canary: as many as one step replays.
pub const ACTION_CANARY_MAX: u32 = 100;
const _: () = assert!(ACTION_CANARY_MAX <= ACTION_STEP_REPLAYS);
/// Default of the time in which the jobs of a canary must succeed: ten minutes.
pub const ACTION_CANARY_SECONDS_DEFAULT: u32 = 600;
/// Maximum of the time in which the jobs of a canary must succeed: a day.
pub const ACTION_CANARY_SECONDS_MAX: u32 = 86_400;
/// Running actions that one tick reads.
pub const ACTIONS_PER_TICK: i64 = 100;
/// Interval in ms at which a request looks at its canary after the response.
pub const ACTION_CANARY_POLL_MS: u64 = 1_000;
/// Actions that one sweep deletes: each may have a thousand steps.
pub const PURGED_ACTIONS_AT_ONCE: i64 = 10;
