//! The route table of the API: what is offered where, and to whom. The producer answers by it, and tests read it.

use crate::routes::Operation as Op;
use crate::security::key::Scope;

/// What a route does for whoever has a key with its scope.
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
    ListDeadLetters,
    ReadDeadLetter,
    ReplayDeadLetter,
    DiscardDeadLetter,
    ListEndpoints,
    PutEndpoint,
    ReadEndpoint,
    DeleteEndpoint,
    PauseEndpoint,
    ResumeEndpoint,
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

/// What a route does for anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Open {
    Health,
    Readiness,
}

/// What a route does, and for whom. What needs a key is another variant than what needs none: to do it, the producer must
/// have the proof that the key has the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// For anybody.
    Open(Open),
    /// For a key with that scope.
    Keyed(Operation, Scope),
}

impl Operation {
    /// Whether it is done also while the store is of another epoch: it changes nothing, although its method may; or it is what
    /// tells the store its epoch.
    pub fn is_of_any_epoch(self) -> bool {
        matches!(self, Op::Search | Op::Restored)
    }

    /// Whether it keeps keys, which `ROOT_TOKEN` may do too.
    pub fn is_of_keys(self) -> bool {
        matches!(self, Op::CreateKey | Op::ListKeys | Op::RevokeKey)
    }
}

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path, with `{id}`, `{name}`, `{n}` and `{subject}` where it names one thing.
    pub path: &'static str,
    /// What it does, and for whom.
    pub does: Does,
}

impl Route {
    /// The scope that its key needs; `None` needs no key.
    pub fn scope(&self) -> Option<Scope> {
        match self.does {
            Does::Open(_) => None,
            Does::Keyed(_, scope) => Some(scope),
        }
    }

    /// What it does for a key; `None` needs no key.
    pub fn operation(&self) -> Option<Operation> {
        match self.does {
            Does::Open(_) => None,
            Does::Keyed(operation, _) => Some(operation),
        }
    }

    /// The name of what it does.
    pub fn name(&self) -> String {
        match self.does {
            Does::Open(operation) => format!("{operation:?}"),
            Does::Keyed(operation, _) => format!("{operation:?}"),
        }
    }
}

const fn route(method: &'static str, path: &'static str, operation: Operation, scope: Scope) -> Route {
    Route { method, path, does: Does::Keyed(operation, scope) }
}

const fn open(method: &'static str, path: &'static str, operation: Open) -> Route {
    Route { method, path, does: Does::Open(operation) }
}

/// Every route.
pub const ROUTES: [Route; 55] = [
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
    route("GET", "/v1/dead-letters", Op::ListDeadLetters, Scope::JobsRead),
    route("GET", "/v1/dead-letters/{id}", Op::ReadDeadLetter, Scope::JobsRead),
    route("POST", "/v1/dead-letters/{id}/replay", Op::ReplayDeadLetter, Scope::Operate),
    route("POST", "/v1/dead-letters/{id}/discard", Op::DiscardDeadLetter, Scope::Operate),
    route("GET", "/v1/endpoints", Op::ListEndpoints, Scope::JobsRead),
    route("PUT", "/v1/endpoints/{id}", Op::PutEndpoint, Scope::Operate),
    route("GET", "/v1/endpoints/{id}", Op::ReadEndpoint, Scope::JobsRead),
    route("DELETE", "/v1/endpoints/{id}", Op::DeleteEndpoint, Scope::Operate),
    route("POST", "/v1/endpoints/{id}/pause", Op::PauseEndpoint, Scope::Operate),
    route("POST", "/v1/endpoints/{id}/resume", Op::ResumeEndpoint, Scope::Operate),
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
