//! Usage as the API shows it; see [`crate::manage::usage::UsageRow`].
#![allow(dead_code, reason = "only the schemas are used")]

use schemars::JsonSchema;

/// What a tenant's jobs asked a model for on a day.
#[derive(JsonSchema)]
pub(in crate::openapi) struct Usage {
    /// In UTC.
    #[schemars(extend("format" = "date"))]
    day: String,
    provider: String,
    model: String,
    /// Requests to the provider, failed ones too.
    calls: u64,
    /// Texts in them.
    texts: u64,
    /// Tokens, as the provider counted them.
    tokens: u64,
}
