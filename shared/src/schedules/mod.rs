//! Schedules: [`cron`] expressions in a time [`zone`], due [`occurrences`], and the tick that creates a job for each of
//! them ([`fire`]).

pub mod cron;
pub mod fire;
pub mod manage;
pub mod occurrences;
pub mod schedule;
pub mod zone;
