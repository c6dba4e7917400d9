//! The simulation: the shipped core on real SQLite, in a world where everything fails and a seed replays exactly.
//!
//! One thread, one virtual clock, one source of randomness. [`run`] plays one schedule: producers, consumers, sweepers
//! and operators over ports that fail; then the faults stop, the world runs on until all is drained, and the invariants
//! I1 to I14 (docs/failure-modes.md) but I12 are judged. Most of them are judged after every write as well.

mod actors;
pub mod bugs;
pub mod engine;
mod oracle;

pub use engine::faults::Fault;
pub use engine::index::reset as reset_index;
pub use engine::plan::{Narrow, Play};
pub use engine::schedule::{Failure, Outcome, run};
pub use oracle::limits::writes;
