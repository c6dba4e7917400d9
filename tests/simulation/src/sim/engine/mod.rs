//! The engine: the executor, the world, its ports that fail, and how a schedule is played.

pub mod command;
pub(crate) mod executor;
pub(crate) mod faults;
pub(crate) mod history;
pub(crate) mod http;
pub(crate) mod index;
pub(crate) mod making;
pub mod on_d1;
pub mod plan;
pub(crate) mod ports;
pub(crate) mod queue;
pub mod runner;
pub(crate) mod schedule;
pub(crate) mod shrink;
pub(crate) mod world;
