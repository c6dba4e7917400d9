//! Limits of statistics: how long snapshots of totals are kept, and how much one answer reads.

use super::DAY_MS;
use super::cost::MINUTES_PER_DAY;

/// Minutes for which the snapshot of each minute is kept: 2 days.
pub const SNAPSHOT_MINUTES_KEPT: i64 = 2 * MINUTES_PER_DAY;
/// Minutes for which the snapshot of each hour is kept: 60 days.
pub const SNAPSHOT_HOURS_KEPT: i64 = 60 * MINUTES_PER_DAY;
/// Minutes for which the snapshot of each day is kept: 400 days, to compare a month with that of the year before. A series
/// that changes each minute has about 3 days of 1,440 minutes, 58 days of 24 hours and 340 days: 6,100 rows of about 400
/// bytes, 2.4 MB.
pub const SNAPSHOT_DAYS_KEPT: i64 = 400 * MINUTES_PER_DAY;
/// Time in ms after which the sweep checks the snapshots of a series again: a day.
pub const SNAPSHOT_CHECK_MS: i64 = DAY_MS;
/// Series whose snapshots one sweep checks. Each may delete a day of minutes, 1,440 rows. A sweep a minute checks 7,200
/// series a day.
pub const SNAPSHOT_SERIES_AT_ONCE: i64 = 5;

/// Points that one answer may have.
pub const STATISTICS_POINTS_MAX: i64 = 1_500;
/// Points that an answer has if the request names no time.
pub const STATISTICS_POINTS_DEFAULT: i64 = 60;
/// Snapshots that one answer may look up: one for each series and point, and one more for each series. At 400 bytes they are
/// 6 MB at most.
pub const STATISTICS_LOOKUPS_MAX: i64 = 15_000;

/// Series that one scrape of the metrics reads: more are not counted in it.
pub const METRICS_SERIES_MAX: i64 = 10_000;
/// Kinds that have a label in the metrics.
pub const METRICS_KINDS_MAX: usize = 100;
/// Endpoints that have a label in the metrics, with `?endpoints=true`.
pub const METRICS_ENDPOINTS_MAX: usize = 200;
/// Jobs of each state that a scrape counts.
pub const METRICS_JOBS_COUNTED_MAX: i64 = 1_000;
