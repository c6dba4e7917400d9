//! Implementation of the command `longshore`, as a library for tests that run it without a process.

pub mod deploy;
pub mod terminal;
