//! The simulation: the shipped core on real SQLite, in a world where everything fails and a seed replays exactly.
//!
//! One thread, one virtual clock, one source of randomness. [`run`] plays one schedule: producers, consumers, sweepers
//! and operators over ports that fail; then the faults stop, the world runs on until all is drained, and the invariants
//! I1 to I14 (docs/failure-modes.md) but I12 are judged. Most of them are judged after every write as well.

mod answers;
mod audit;
mod clients;
mod completers;
mod consumers;
mod ending;
mod erasers;
mod executor;
mod faults;
mod generations;
mod history;
mod http;
mod index;
mod indexers;
mod invariants;
mod limits;
mod making;
mod objects;
mod operators;
mod poison;
mod ports;
mod providers;
mod queue;
mod quotas;
mod receiver;
mod repeats;
mod restorers;
mod row;
mod schedule;
mod tickers;
mod waits;
mod world;

pub mod bugs;
pub mod command;
pub mod completion_bugs;
pub mod on_d1;
pub mod pairs;
pub mod plan;
pub mod recall;
pub mod runner;
pub mod sabotage;
mod shrink;

pub use faults::Fault;
pub use plan::{Narrow, Play};
pub use schedule::{Failure, Outcome, run};
