//! The actors: all users of the pipeline in a schedule, and what they use.

pub(crate) mod bulk;
pub(crate) mod bulk_operators;
pub(crate) mod clients;
pub(crate) mod closers;
pub(crate) mod completers;
pub(crate) mod consumers;
pub(crate) mod erasers;
pub(crate) mod exporters;
pub(crate) mod index_versions;
pub(crate) mod indexers;
pub(crate) mod operators;
pub(crate) mod poison;
pub(crate) mod providers;
pub(crate) mod quotas;
pub(crate) mod receiver;
pub(crate) mod repeats;
pub(crate) mod resenders;
pub(crate) mod restorers;
pub(crate) mod tickers;
