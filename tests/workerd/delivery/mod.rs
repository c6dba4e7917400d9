//! Deliveries: the request that a receiver, a handler or a provider gets, and the effect of its answer.

pub(crate) mod broken_bodies;
pub(crate) mod embeds;
pub(crate) mod hints;
pub(crate) mod origins;
pub(crate) mod payloads;
pub(crate) mod resends;
pub(crate) mod retries;
pub(crate) mod tasks;
pub(crate) mod webhook;
pub(crate) mod workers_ai;
