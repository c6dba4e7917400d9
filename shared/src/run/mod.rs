//! Running: jobs are claimed under a lease, attempted, and their outcomes recorded.
//!
//! [`process`] is the executor of one invocation. It calls [`claim`], then [`attempt`] for each job ([`embed`] and [`index`] for kinds
//! that send no request of their own), then [`flush`], which puts the evidence and calls [`settle`]. [`complete`] ends deferred tasks.

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
pub mod usage;
