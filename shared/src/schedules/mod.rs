//! Schedules: [`cron`] expressions in a [`zone`], the [`occurrences`] that are due, and the tick that makes a job for each of them ([`fire`]).

pub mod cron;
pub mod fire;
pub mod manage;
pub mod occurrences;
pub mod schedule;
pub mod zone;
