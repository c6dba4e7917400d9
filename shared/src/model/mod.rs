//! The nouns of the field and their pure rules: jobs, attempts, outcomes, what follows from an outcome, and hints.

pub mod action;
pub mod attempt;
pub mod backoff;
pub mod cause;
pub mod claimed;
pub mod dead_letter;
pub mod endpoint;
pub mod evidence;
pub mod hint;
pub mod job;
pub mod origin;
pub mod outcome;
pub mod result;
pub mod state;
pub mod totals;
