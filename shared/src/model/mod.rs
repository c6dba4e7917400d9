//! The nouns and their pure rules: a job, its attempts and outcomes, what follows from an outcome, what is sent as a hint.

pub mod attempt;
pub mod backoff;
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
