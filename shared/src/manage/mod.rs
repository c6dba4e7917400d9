//! Management through the API: jobs and dead letters, actions on many, endpoints, keys, groups, erasures, the export.

pub mod actions;
pub mod audit;
pub mod causes;
pub mod endpoints;
pub mod erasures;
pub mod export;
pub mod export_line;
pub mod filter;
pub mod groups;
pub mod health;
pub mod keys;
pub mod malformed_messages;
pub mod metrics;
pub mod operate;
pub mod query;
pub mod resend;
pub mod statistics;
pub mod status;
mod successor;
pub mod test_delivery;
pub mod usage;
