//! The kinds of job. A kind is one file beside this one, and one arm in each match here.

pub mod webhook;

use serde_json::value::RawValue;

use crate::invalid::InvalidField;
use crate::problem::Problem;
use crate::settings::Settings;

/// The kinds this build runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
pub enum Kind {
    /// An HTTP request to somebody else's server, signed by Standard Webhooks.
    Webhook,
}

impl Kind {
    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        match name {
            "webhook" => Some(Kind::Webhook),
            _ => None,
        }
    }
}

/// A payload that its kind has checked.
#[derive(Debug, Clone)]
pub struct CheckedPayload {
    /// The endpoint it goes to; empty for a bare url.
    pub endpoint: String,
    /// What is digested: canonical, with every value in the clear.
    pub canonical: String,
    /// What is stored: the same with secret header values sealed.
    pub stored: String,
}

/// Checks a payload of the kind named `kind`.
///
/// # Errors
/// A problem that names every wrong field.
pub fn check(
    kind: &str,
    payload: &RawValue,
    settings: &Settings,
    nonce: &mut impl FnMut() -> [u8; 12],
) -> Result<CheckedPayload, Problem> {
    match Kind::named(kind) {
        Some(Kind::Webhook) => webhook::check(payload, settings, nonce),
        None => {
            let detail = format!("There is no kind {kind:?}; there is: webhook.");
            Err(Problem::InvalidRequest(vec![InvalidField::new("#/kind", "unknown-kind", detail)]))
        }
    }
}
