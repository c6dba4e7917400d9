//! Results of payload checks.

use crate::wire::invalid::InvalidField;

/// A payload that its kind has checked.
#[derive(Debug, Clone)]
pub struct CheckedPayload {
    /// Payload to store, after [`crate::kinds::seal_secrets`] has sealed its secrets.
    pub stored: String,
    /// True if the payload has no secrets to seal.
    pub is_plain: bool,
    /// Fields that are wrong only with the current settings. They do not matter for a job that exists already.
    pub refused_if_new: Vec<InvalidField>,
}

/// A payload as it is stored: an inline part in the row and an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Part that the claim and the API read; `None` if the object has the whole payload.
    pub inline: Option<String>,
    /// Bulk of a large payload.
    pub object: Option<String>,
}
