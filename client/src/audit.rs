//! Types of the audit log.

use serde::Deserialize;
use serde_json::value::RawValue;

/// An entry of the audit log: a change that an operator made.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct AuditEntry {
    pub at: String,
    pub key: String,
    pub operation: String,
    pub target: AuditTarget,
    pub address: Option<String>,
    pub before: Option<Box<RawValue>>,
    pub after: Option<Box<RawValue>>,
}

/// Thing that an operator changed.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct AuditTarget {
    pub kind: String,
    pub id: String,
}
