//! Shared helpers: a running Longshore, tenants, and the comparison of the ledger with the receiver.

pub(crate) mod canary;
pub(crate) mod command;
pub(crate) mod hostile_kinds;
pub(crate) mod ledger;
pub(crate) mod memory;
pub(crate) mod planter;
pub(crate) mod raw;
pub(crate) mod refusal;
pub(crate) mod route_table;
pub(crate) mod sinks;
pub(crate) mod tenant;
pub(crate) mod world;
