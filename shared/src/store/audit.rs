//! The audit log: each change that an operator makes writes one row, in the batch of the change.
//!
//! Most changes are followed by [`AuditNote::if_changed`], which writes nothing if the statement before it changed no row.
//! Changes whose row shows what they replace are preceded by a statement that reads it, such as `note_cancel.sql`.

use serde_json::{Value, json};

use crate::model::job::JobRef;
use crate::ports::{Param, Statement};
use crate::routes::Operation;
use crate::store::{json_param, sql};

/// Tenant of what belongs to no tenant: the deployment, and keys of all tenants.
pub const ALL_TENANTS: &str = "*";
/// Key id of the operator who has `ROOT_TOKEN`.
pub const ROOT: &str = "root";
/// Prefix of the ids of audit rows.
const PREFIX: &str = "aud_";

/// An operator: the key and the address of a request that changes something, and the id of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    key: String,
    address: Option<String>,
    request_id: String,
}

/// Kind of the thing that an operator changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A job.
    Job,
    /// A dead letter; its id is that of its job.
    DeadLetter,
    /// A cause of failures.
    Cause,
    /// An action on many jobs.
    Action,
    /// An endpoint.
    Endpoint,
    /// A schedule.
    Schedule,
    /// An index.
    Index,
    /// An API key.
    Key,
    /// A tenant.
    Tenant,
    /// The erasure of a subject. The subject itself is not recorded.
    Erasure,
    /// The whole deployment.
    Deployment,
}

impl Target {
    /// Every kind.
    pub const ALL: [Target; 11] = [
        Target::Job,
        Target::DeadLetter,
        Target::Cause,
        Target::Action,
        Target::Endpoint,
        Target::Schedule,
        Target::Index,
        Target::Key,
        Target::Tenant,
        Target::Erasure,
        Target::Deployment,
    ];

    /// Returns the name in the store and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Target::Job => "job",
            Target::DeadLetter => "dead_letter",
            Target::Cause => "cause",
            Target::Action => "action",
            Target::Endpoint => "endpoint",
            Target::Schedule => "schedule",
            Target::Index => "index",
            Target::Key => "key",
            Target::Tenant => "tenant",
            Target::Erasure => "erasure",
            Target::Deployment => "deployment",
        }
    }
}

/// An action of an operator, for its row in the audit log. A request writes one row at most: its id names the request.
#[derive(Debug, Clone)]
pub struct AuditNote(Value);

impl Operator {
    /// Creates the operator of a request. `request_id` is a ULID.
    pub fn new(key: &str, address: Option<String>, request_id: &str) -> Operator {
        Operator { key: key.to_owned(), address, request_id: request_id.to_owned() }
    }

    /// Describes what the operator does to a tenant's target.
    pub fn does(&self, operation: Operation, tenant: &str, target: Target, id: &str) -> AuditNote {
        AuditNote(json!({
            "tenant": tenant, "id": format!("{PREFIX}{}", self.request_id), "key": self.key, "operation": operation.name(),
            "kind": target.name(), "target": id, "address": self.address,
        }))
    }

    /// Describes what the operator does to a job or to its dead letter.
    pub(crate) fn does_to_job(&self, operation: Operation, target: Target, job: &JobRef) -> AuditNote {
        self.does(operation, &job.tenant, target, &job.id)
    }
}

impl AuditNote {
    /// Adds what the change replaces. It must hold no secret, no payload and nothing about a subject.
    #[must_use]
    pub fn before(mut self, state: Value) -> AuditNote {
        self.0["before"] = state;
        self
    }

    /// Adds the result of the change. The same holds as for [`AuditNote::before`].
    #[must_use]
    pub fn after(mut self, state: Value) -> AuditNote {
        self.0["after"] = state;
        self
    }

    /// Adds the job that the action creates to its result.
    pub(crate) fn with_job(&self, id: &str) -> AuditNote {
        let mut action = self.clone();
        action.0["after"]["job"] = json!(id);
        action
    }

    /// Returns the statement that records the action if the statement directly before it in the batch changed a row.
    pub fn if_changed(&self) -> Statement {
        self.recorded(false)
    }

    /// Returns the statement that records the action in any case.
    pub fn always(&self) -> Statement {
        self.recorded(true)
    }

    fn recorded(&self, always: bool) -> Statement {
        sql!("note_action", self.param(), i64::from(always))
    }

    /// Returns the parameter of a statement that reads the state before the change.
    pub(crate) fn param(&self) -> Param {
        json_param(&self.0)
    }
}

/// Returns the id of the request that wrote an audit row.
pub fn request_of(id: &str) -> &str {
    id.strip_prefix(PREFIX).unwrap_or(id)
}
