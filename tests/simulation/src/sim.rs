//! The simulation: the shipped core on real SQLite, in a world where every call may fail and a seed replays exactly.
//!
//! One thread, one virtual clock, one source of randomness. [`run`] plays one schedule: producers, consumers, sweepers
//! and operators over ports that fail. Then the faults stop, the world runs until all jobs have ended, and the
//! simulation checks invariants I1 to I14 (docs/failure-modes.md), except I12. It checks most of them after every write
//! as well.

mod actors;
pub mod bugs;
pub mod engine;
mod oracle;

pub use engine::faults::Fault;
pub use engine::index::reset as reset_index;
pub use engine::plan::{Narrow, Play};
pub use engine::schedule::{Failure, Outcome, run};
pub use oracle::limits::writes;
