//! Hostile input and hostile receivers.

pub(crate) mod bad_bodies;
pub(crate) mod bad_destinations;
pub(crate) mod bad_fields;
pub(crate) mod bad_requests;
pub(crate) mod bad_settings;
pub(crate) mod hostile_receivers;
pub(crate) mod hostile_ring;
pub(crate) mod secrets;
