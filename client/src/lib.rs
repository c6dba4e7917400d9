//! Blocking client of Longshore's API. Each answer has its JSON as it was received and the fields that callers read.

mod answer;
mod audit;
mod client;
mod error;
mod manage;
mod operate;
mod request;
mod status;
mod types;

pub use answer::{Answer, Listed, Reply};
pub use audit::{AuditEntry, AuditTarget};
pub use client::{Client, Connection};
pub use error::{ClientError, InvalidField, Problem, found};
pub use operate::{ChunkResult, ListPage};
pub use request::Request;
pub use status::{
    Allowance, Allowances, Crons, Estimate, Forecast, JobCounts, OldestDue, QueueBacklog, Reason, RecentJobs, Status,
    Storage, Usage,
};
pub use types::{
    AcceptedJob, Action, ActionOutcomes, ActionPreview, Attempt, AttemptEvidence, BatchResult, Canary, Cause,
    CauseJobs, Counted, CreatedKey, DeadLetter, Endpoint, EndpointJobs, Evidence, EvidenceCall, EvidenceMessage, Group,
    Health, Index, IndexVersion, Job, JobError, Key, KeyRotation, LinesSummary, Occurrence, OnFinished, Readiness,
    Schedule, SearchHit, SearchResult, Secrets, SelectedJobs, Tally,
};
