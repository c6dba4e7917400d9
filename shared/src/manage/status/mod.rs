//! Status of a deployment, or of one tenant: what fails, since when, for whom, and whose fault it is.

mod answer;
mod growth;
mod of;
mod read;
mod reasons;
#[cfg(test)]
mod tests;
mod usage;

pub use answer::{Crons, FailingEndpoint, JobCounts, OldestDue, PausedEndpoint, RecentJobs, StatusReport};
pub use growth::Growth;
pub use of::{QueueBacklog, StatusOf, Storage};
pub use read::{DueRow, StatusCause, StatusHeld, StatusRead, StatusRow, read_status};
pub use reasons::{Level, Party, Reason, ReasonCode};
pub use usage::{Allowance, Allowances, Estimate, Forecast, Period, PlanUsage, UsageRow};
