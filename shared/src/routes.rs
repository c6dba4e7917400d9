//! Route table of the API: path, method, operation and scope of each route. The producer dispatches by it, and tests
//! read it.

use crate::routes::Operation as Op;
use crate::security::key::Scope;

/// Operation of a route that requires a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operation {
    CreateJob,
    CreateJobs,
    ListJobs,
    ReadJob,
    ListAttempts,
    ReadEvidence,
    ReadVectors,
    CancelJob,
    RetryJob,
    ResendJob,
    CompleteJob,
    FailJob,
    ReadGroup,
    CloseGroup,
    ListDeadLetters,
    ReadDeadLetter,
    ReplayDeadLetter,
    DiscardDeadLetter,
    ListCauses,
    ReadCause,
    ResolveCause,
    IgnoreCause,
    ReopenCause,
    Actions(ActionOperation),
    ReadStatus,
    ReadStatistics,
    ReadMetrics,
    ListEndpoints,
    PutEndpoint,
    ReadEndpoint,
    DeleteEndpoint,
    PauseEndpoint,
    ResumeEndpoint,
    TestEndpoint,
    ReadSecret,
    RotateSecret,
    ReadTenantSecret,
    ListSchedules,
    PutSchedule,
    ReadSchedule,
    DeleteSchedule,
    RunSchedule,
    ListOccurrences,
    ListIndexes,
    PutIndex,
    ReadIndex,
    DeleteIndex,
    WriteDocuments,
    Search,
    VerifyIndex,
    ListUsage,
    ListAudit,
    CreateKey,
    ListKeys,
    RevokeKey,
    ListMalformedMessages,
    ReadQuota,
    PutQuota,
    ExportTenant,
    EraseTenant,
    EraseSubject,
    ReadErasure,
    Pause,
    Resume,
    Restored,
}

/// Operation on actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ActionOperation {
    CreateAction,
    ListActions,
    ReadAction,
    ListActionJobs,
    PauseAction,
    ResumeAction,
    AbortAction,
}

/// Operation of a route that requires no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Open {
    Health,
    Readiness,
}

/// Operation of a route, and whether it requires a key. The two cases are separate variants: for a keyed operation the
/// producer must have the proof that the key has the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Open to everybody.
    Open(Open),
    /// Requires a key with this scope.
    Keyed(Operation, Scope),
}

impl Operation {
    /// True if the operation is also allowed while the database has another epoch: a search changes nothing although it
    /// is a POST, and `restored` sets the epoch.
    pub fn is_of_any_epoch(self) -> bool {
        matches!(self, Op::Search | Op::Restored)
    }

    /// Returns the name of the operation: its `operationId`.
    pub fn name(self) -> String {
        match self {
            Op::Actions(operation) => format!("{operation:?}"),
            _ => format!("{self:?}"),
        }
    }

    /// True if the operation manages API keys, which `ROOT_TOKEN` also allows.
    pub fn is_of_keys(self) -> bool {
        matches!(self, Op::CreateKey | Op::ListKeys | Op::RevokeKey)
    }
}

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path, with the placeholders `{id}`, `{name}`, `{n}` and `{subject}`.
    pub path: &'static str,
    /// Operation and access.
    pub does: Does,
}

impl Route {
    /// Returns the required scope; `None` for an open route.
    pub fn scope(&self) -> Option<Scope> {
        match self.does {
            Does::Open(_) => None,
            Does::Keyed(_, scope) => Some(scope),
        }
    }

    /// Returns the operation of a keyed route; `None` for an open one.
    pub fn operation(&self) -> Option<Operation> {
        match self.does {
            Does::Open(_) => None,
            Does::Keyed(operation, _) => Some(operation),
        }
    }

    /// Returns the name of the operation.
    pub fn name(&self) -> String {
        match self.does {
            Does::Open(operation) => format!("{operation:?}"),
            Does::Keyed(operation, _) => operation.name(),
        }
    }

    /// True if the operation is recorded in the audit log: what operators and admins change, and the secrets they read.
    pub fn is_audited(&self) -> bool {
        let changes = self.method != "GET" && matches!(self.scope(), Some(Scope::Operate | Scope::Admin));
        changes || matches!(self.operation(), Some(Op::ReadSecret | Op::ReadTenantSecret))
    }
}

const fn route(method: &'static str, path: &'static str, operation: Operation, scope: Scope) -> Route {
    Route { method, path, does: Does::Keyed(operation, scope) }
}

const fn open(method: &'static str, path: &'static str, operation: Open) -> Route {
    Route { method, path, does: Does::Open(operation) }
}

/// All routes of the API.
pub const ROUTES: [Route; 73] = [
    route("POST", "/v1/jobs", Op::CreateJob, Scope::JobsWrite),
    route("POST", "/v1/jobs/batch", Op::CreateJobs, Scope::JobsWrite),
    route("GET", "/v1/jobs", Op::ListJobs, Scope::JobsRead),
    route("GET", "/v1/jobs/{id}", Op::ReadJob, Scope::JobsRead),
    route("GET", "/v1/jobs/{id}/attempts", Op::ListAttempts, Scope::JobsRead),
    route("GET", "/v1/jobs/{id}/attempts/{n}/evidence", Op::ReadEvidence, Scope::JobsRead),
    route("GET", "/v1/jobs/{id}/vectors", Op::ReadVectors, Scope::JobsRead),
    route("POST", "/v1/jobs/{id}/cancel", Op::CancelJob, Scope::Operate),
    route("POST", "/v1/jobs/{id}/retry", Op::RetryJob, Scope::Operate),
    route("POST", "/v1/jobs/{id}/resend", Op::ResendJob, Scope::Operate),
    route("POST", "/v1/jobs/{id}/complete", Op::CompleteJob, Scope::JobsWrite),
    route("POST", "/v1/jobs/{id}/fail", Op::FailJob, Scope::JobsWrite),
    route("GET", "/v1/groups/{id}", Op::ReadGroup, Scope::JobsRead),
    route("POST", "/v1/groups/{id}/close", Op::CloseGroup, Scope::JobsWrite),
    route("GET", "/v1/dead-letters", Op::ListDeadLetters, Scope::JobsRead),
    route("GET", "/v1/dead-letters/{id}", Op::ReadDeadLetter, Scope::JobsRead),
    route("POST", "/v1/dead-letters/{id}/replay", Op::ReplayDeadLetter, Scope::Operate),
    route("POST", "/v1/dead-letters/{id}/discard", Op::DiscardDeadLetter, Scope::Operate),
    route("GET", "/v1/causes", Op::ListCauses, Scope::JobsRead),
    route("GET", "/v1/causes/{id}", Op::ReadCause, Scope::JobsRead),
    route("POST", "/v1/causes/{id}/resolve", Op::ResolveCause, Scope::Operate),
    route("POST", "/v1/causes/{id}/ignore", Op::IgnoreCause, Scope::Operate),
    route("POST", "/v1/causes/{id}/reopen", Op::ReopenCause, Scope::Operate),
    route("POST", "/v1/actions", Op::Actions(ActionOperation::CreateAction), Scope::Operate),
    route("GET", "/v1/actions", Op::Actions(ActionOperation::ListActions), Scope::JobsRead),
    route("GET", "/v1/actions/{id}", Op::Actions(ActionOperation::ReadAction), Scope::JobsRead),
    route("GET", "/v1/actions/{id}/jobs", Op::Actions(ActionOperation::ListActionJobs), Scope::JobsRead),
    route("POST", "/v1/actions/{id}/pause", Op::Actions(ActionOperation::PauseAction), Scope::Operate),
    route("POST", "/v1/actions/{id}/resume", Op::Actions(ActionOperation::ResumeAction), Scope::Operate),
    route("POST", "/v1/actions/{id}/abort", Op::Actions(ActionOperation::AbortAction), Scope::Operate),
    route("GET", "/v1/status", Op::ReadStatus, Scope::JobsRead),
    route("GET", "/v1/stats", Op::ReadStatistics, Scope::JobsRead),
    route("GET", "/metrics", Op::ReadMetrics, Scope::MetricsRead),
    route("GET", "/v1/endpoints", Op::ListEndpoints, Scope::JobsRead),
    route("PUT", "/v1/endpoints/{id}", Op::PutEndpoint, Scope::Operate),
    route("GET", "/v1/endpoints/{id}", Op::ReadEndpoint, Scope::JobsRead),
    route("DELETE", "/v1/endpoints/{id}", Op::DeleteEndpoint, Scope::Operate),
    route("POST", "/v1/endpoints/{id}/pause", Op::PauseEndpoint, Scope::Operate),
    route("POST", "/v1/endpoints/{id}/resume", Op::ResumeEndpoint, Scope::Operate),
    route("POST", "/v1/endpoints/{id}/test", Op::TestEndpoint, Scope::Operate),
    route("GET", "/v1/endpoints/{id}/secret", Op::ReadSecret, Scope::Operate),
    route("POST", "/v1/endpoints/{id}/secret/rotate", Op::RotateSecret, Scope::Operate),
    route("GET", "/v1/secret", Op::ReadTenantSecret, Scope::Operate),
    route("GET", "/v1/schedules", Op::ListSchedules, Scope::JobsRead),
    route("PUT", "/v1/schedules/{id}", Op::PutSchedule, Scope::Operate),
    route("GET", "/v1/schedules/{id}", Op::ReadSchedule, Scope::JobsRead),
    route("DELETE", "/v1/schedules/{id}", Op::DeleteSchedule, Scope::Operate),
    route("POST", "/v1/schedules/{id}/run", Op::RunSchedule, Scope::Operate),
    route("GET", "/v1/schedules/{id}/occurrences", Op::ListOccurrences, Scope::JobsRead),
    route("GET", "/v1/indexes", Op::ListIndexes, Scope::JobsRead),
    route("PUT", "/v1/indexes/{name}", Op::PutIndex, Scope::Operate),
    route("GET", "/v1/indexes/{name}", Op::ReadIndex, Scope::JobsRead),
    route("DELETE", "/v1/indexes/{name}", Op::DeleteIndex, Scope::Operate),
    route("POST", "/v1/indexes/{name}/documents", Op::WriteDocuments, Scope::JobsWrite),
    route("POST", "/v1/indexes/{name}/search", Op::Search, Scope::JobsRead),
    route("POST", "/v1/indexes/{name}/verify", Op::VerifyIndex, Scope::Operate),
    route("GET", "/v1/usage", Op::ListUsage, Scope::JobsRead),
    route("GET", "/v1/audit", Op::ListAudit, Scope::Admin),
    route("POST", "/v1/keys", Op::CreateKey, Scope::Admin),
    route("GET", "/v1/keys", Op::ListKeys, Scope::Admin),
    route("DELETE", "/v1/keys/{id}", Op::RevokeKey, Scope::Admin),
    route("GET", "/v1/malformed-messages", Op::ListMalformedMessages, Scope::Admin),
    route("GET", "/v1/tenants/{id}/quota", Op::ReadQuota, Scope::Admin),
    route("PUT", "/v1/tenants/{id}/quota", Op::PutQuota, Scope::Admin),
    route("GET", "/v1/tenants/{id}/export", Op::ExportTenant, Scope::Admin),
    route("DELETE", "/v1/tenants/{id}", Op::EraseTenant, Scope::Admin),
    route("DELETE", "/v1/tenants/{id}/subjects/{subject}", Op::EraseSubject, Scope::Admin),
    route("GET", "/v1/erasures/{id}", Op::ReadErasure, Scope::Admin),
    route("POST", "/v1/pause", Op::Pause, Scope::Admin),
    route("POST", "/v1/resume", Op::Resume, Scope::Admin),
    route("POST", "/v1/restored", Op::Restored, Scope::Admin),
    open("GET", "/healthz", Open::Health),
    open("GET", "/readyz", Open::Readiness),
];
