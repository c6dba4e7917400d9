//! What the check of a payload comes to.

use crate::wire::invalid::InvalidField;

/// A payload that its kind has checked.
#[derive(Debug, Clone)]
pub struct CheckedPayload {
    /// What is stored once [`crate::kinds::seal_secrets`] has sealed what is secret in it.
    pub stored: String,
    /// Whether there is nothing to seal in it.
    pub is_plain: bool,
    /// What is wrong by the settings of now. A job that is there already stays what it is.
    pub refused_if_new: Vec<InvalidField>,
}

/// A payload as it is stored: what is inline in the row, and what is an object of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What the claim and the API read; `None` when all of it is in the object.
    pub inline: Option<String>,
    /// The bulk of a large payload.
    pub object: Option<String>,
}
