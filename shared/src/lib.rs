//! Longshore's core, free of any platform.
//!
//! The way of a job, and the files that follow it:
//!
//! 1. [`accept`]: a request becomes a durable job, once per idempotency key.
//! 2. [`hint`]: the queue is told that some jobs are worth claiming. D1 is the truth, a hint is only a hint.
//! 3. [`claim`]: a job becomes ours under a lease, and its attempt is in the log before anything is sent.
//! 4. [`process`] and [`run`]: the executor runs attempts, each by the handler of its kind ([`jobs`]).
//! 5. [`flush`], [`evidence`] and [`settle`]: what crossed the wire is kept, and the outcome is recorded once.
//! 6. [`state`] and [`backoff`]: what follows: succeeded, a retry, or a dead letter.
//! 7. [`sweep`]: whatever no hint found is found.
//! 8. [`operate`]: operators look, cancel, retry, replay and discard.
//! 9. [`erasures`]: a tenant or a subject is erased, with a receipt; [`export`]: a tenant is written out whole.
//!
//! What jobs spent with providers of embeddings is added up by day ([`usage`]).
//!
//! A schedule ([`schedules`]) makes a job for each slot of its [`cron`] expression: the tick ([`fire`]) decides by [`slots`].

pub mod attempt;
pub mod endpoint;
pub mod job;
pub mod key;

pub mod accept;
pub mod authorize;
pub mod backoff;
pub mod batch;
pub mod claim;
pub mod complete;
pub mod documents;
pub mod embed;
pub mod endpoints;
mod erase;
pub mod erasures;
pub mod evidence;
pub mod export;
pub mod fire;
pub mod flush;
pub mod groups;
mod held;
pub mod hint;
pub mod index;
pub mod jobs;
pub mod keys;
pub mod operate;
pub mod origin;
mod orphans;
pub mod outcome;
pub mod payload;
pub mod process;
pub mod query;
pub mod request;
pub mod result;
mod rotation;
pub mod run;
pub mod schedule;
pub mod schedules;
pub mod search;
pub mod secrets;
pub mod settle;
pub mod slots;
pub mod state;
pub mod strays;
pub mod sweep;
pub mod usage;

mod canonical;
pub mod cron;
pub mod cursor;
pub mod daily_limit;
pub mod destination;
pub mod entropy;
pub mod gzip;
pub mod idempotency;
pub mod invalid;
pub mod json_depth;
mod json_error;
pub mod keyring;
pub mod limits;
mod metadata;
pub mod ndjson;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod plan;
pub mod ports;
pub mod prefer;
pub mod problem;
pub mod quotas;
pub mod raw;
pub mod redact;
pub mod routes;
pub mod seal;
pub mod settings;
pub mod signing;
pub mod store;
pub mod time;
pub mod zone;

#[cfg(feature = "cloudflare")]
pub mod cloudflare;
