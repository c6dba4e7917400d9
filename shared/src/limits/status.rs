//! Limits of the status of a deployment: what it counts, and when a part is degraded.

use crate::limits::{DAY_MS, HOUR_MS};

/// Maximum jobs of one cause, or of one paused endpoint, that the status counts in each state. With
/// [`STATUS_CAUSES_MAX`] it bounds the rows that the status reads for causes: 2 x 20 causes x 3 states x 101 jobs, each of
/// which D1 counts twice, are 24,240.
pub const STATUS_CAUSE_JOBS_COUNTED_MAX: i64 = 100;
/// Causes of waiting jobs, causes of dead letters, and paused endpoints that the status reads, each.
pub const STATUS_CAUSES_MAX: usize = 20;
/// Age up to which jobs are counted by state without an index. An older open job is retrying, held, or due for the
/// sweep, and each of these has an index.
pub const STATUS_RECENT_MS: i64 = 10 * 60_000;
/// Maximum of these jobs. They are whole rows, so there are fewer than of those with an index.
pub const STATUS_RECENT_JOBS_MAX: i64 = 500;
/// Tenants whose newest jobs the status of all tenants counts.
pub const STATUS_RECENT_TENANTS_MAX: i64 = 50;
/// Pairs of tenant and hour that the usage of a day adds up: 200 tenants with jobs in each hour.
pub const STATUS_HOURS_MAX: i64 = 5_000;
/// Maximum age of a cron's last tick. Crons tick every minute; three missed ticks are an outage.
pub const TICK_AGE_MS_MAX: i64 = 180_000;
/// Age above which the oldest due job, or the oldest message of a queue, is late: 5 minutes, or at least 5 sweeps.
pub const DUE_AGE_MS_MAX: i64 = 5 * 60_000;
/// Time after which an endpoint that still fails is more than a hiccup, such as a deployment of the receiver.
pub const ENDPOINT_FAILING_MS: i64 = 5 * 60_000;
/// Age up to which a death shows that something fails now, if no endpoint shows whether it works again.
pub const DEATH_FRESH_MS: i64 = HOUR_MS;
/// Percentage of the database's maximum size above which the sweep warns and deletes the oldest succeeded jobs early.
pub const STORAGE_WARN_PERCENT: i64 = 70;
/// Percentage of the database's maximum size above which new jobs are refused with `storage-full`, so that no accepted job is lost.
pub const STORAGE_REFUSE_PERCENT: i64 = 90;
/// Days until the storage is full below which an operator must make room.
pub const STORAGE_DAYS_MIN: i64 = 7;
/// Interval at which the sweep notes the size of the database: four rows a day.
pub const SIZE_NOTED_MS: i64 = DAY_MS;
/// Shortest time over which the growth of the database is measured.
pub const GROWTH_MS_MIN: i64 = HOUR_MS;
/// Longest wait for the metrics of a queue. The status does not depend on them.
pub const QUEUE_METRICS_MS_MAX: i64 = 2_000;
/// Hours of which the recent pace is the mean, for the forecast.
pub const PACE_HOURS: i64 = 3;
