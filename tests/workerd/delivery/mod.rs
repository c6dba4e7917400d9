//! Jobs on their way: what a receiver, a handler or a provider gets, and what follows from its answer.

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
