//! Handlers of the API, one file per resource.

pub(crate) mod accept;
pub(crate) mod actions;
pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod bulk_answer;
pub(crate) mod causes;
pub(crate) mod complete;
pub(crate) mod endpoints;
pub(crate) mod erasures;
pub(crate) mod export_tenant;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod indexes;
pub(crate) mod jobs;
pub(crate) mod keys;
mod lines;
pub(crate) mod operate;
pub(crate) mod quotas;
pub(crate) mod read;
pub(crate) mod schedules;
pub(crate) mod statistics;
pub(crate) mod status;
pub(crate) mod usage;
pub(crate) mod wait;
