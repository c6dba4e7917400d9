//! Execution of jobs: claims them under a lease, makes their attempts, and records the outcomes.
//!
//! [`process`] is the executor of one invocation. It calls [`claim`], then [`attempt`] for each job ([`embed`] and
//! [`index`] for the kinds that send no request to a destination), then [`flush`], which stores the evidence and calls
//! [`settle`]. [`complete`] ends deferred tasks.

pub mod attempt;
pub mod claim;
pub mod complete;
pub(crate) mod embed;
pub mod flush;
pub(crate) mod held;
pub(crate) mod index;
pub(crate) mod payload;
pub mod process;
pub mod settle;
pub(crate) mod totals;
pub mod usage;
