//! Commands: one file per family.

pub(crate) mod actions;
pub(crate) mod api;
pub(crate) mod audit;
pub(crate) mod causes;
pub(crate) mod dead;
pub(crate) mod doctor;
pub(crate) mod each;
pub(crate) mod endpoints;
pub(crate) mod enqueue;
pub(crate) mod filter;
pub(crate) mod findings;
pub(crate) mod groups;
pub(crate) mod import;
pub(crate) mod index;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod profiles;
pub(crate) mod repeat;
pub(crate) mod schedules;
pub(crate) mod search;
pub(crate) mod signature;
pub(crate) mod status;
pub(crate) mod story;
pub(crate) mod tail;
pub(crate) mod why;
