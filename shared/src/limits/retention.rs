//! Limits of what is kept by age: usage and the audit log. The retention of jobs depends on the plan.

use crate::limits::DAY_MS;

/// Days for which usage is kept, to compare a month with that of the year before: 400 rows per tenant and model.
pub const USAGE_DAYS: i64 = 400;

/// Age at which rows of the audit log are deleted: 400 days, so that a year can be reviewed after its end. 100 actions a
/// day of about 700 bytes are 28 MB.
pub const AUDIT_MS: i64 = 400 * DAY_MS;
/// Largest difference between the time in the id of an audit row, which is the start of its request, and the time at
/// which the row was written: 10 minutes for the request, and the rest for clocks that differ.
pub const AUDIT_SKEW_MS: i64 = 3_600_000;
