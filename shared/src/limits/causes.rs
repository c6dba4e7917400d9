//! Limits of causes of failures.

/// Maximum characters of a cause's text.
pub const CAUSE_TEXT_CHARS_MAX: usize = 160;
/// Number of a tenant's causes above which new ones count as `cause_other`, so that a receiver with a different text for
/// each answer cannot fill the table. A flush may exceed it by its own new causes.
pub const CAUSES_MAX: i64 = 1_000;
/// Maximum jobs of a cause that are counted in each state; a larger number is shown as "at least".
pub const CAUSE_JOBS_COUNTED_MAX: i64 = 1_000;
/// Longest time for which a cause is ignored: a year.
pub const IGNORE_SECONDS_MAX: u32 = 366 * 86_400;
