//! What the document tells of each operation: a new one does not compile until it has its line here. Its method, path,
//! scope, and the refusals that every operation of its form has come from the route table.

mod admin;
mod endpoints;
mod erasures;
mod export;
mod indexes;
mod jobs;
mod schedules;
mod usage;

use serde_json::{Value, json};

use super::describe::OperationDoc;
use crate::routes::{Does, Open, Operation, Operation as Op};
use crate::wire::problem::Problem;

const JOBS: &str = "Jobs";
const DEAD_LETTERS: &str = "Dead letters";
const ENDPOINTS: &str = "Endpoints";
const SCHEDULES: &str = "Schedules";
const INDEXES: &str = "Indexes";
const USAGE: &str = "Usage";
const KEYS: &str = "Keys";
const EXPORT: &str = "Export";
const ERASURE: &str = "Erasure";
const DEPLOYMENT: &str = "Deployment";

/// The tags, in the order in which a reader meets them.
pub(super) fn tags() -> Value {
    json!([
        {"name": JOBS, "description": "Work that must not be lost, and what became of it."},
        {"name": DEAD_LETTERS, "description": "What was given up and why; it is sent again, or discarded."},
        {"name": ENDPOINTS, "description": "Where webhooks and tasks go, and what signs them."},
        {"name": SCHEDULES, "description": "Jobs by the clock: one for each occurrence of a cron expression."},
        {"name": INDEXES, "description": "Documents that are chunked, embedded, kept, and found by words, by vectors, or by both."},
        {"name": USAGE, "description": "What jobs asked providers of embeddings for."},
        {"name": KEYS, "description": "API keys, for admins and for `ROOT_TOKEN`."},
        {"name": EXPORT, "description": "All that is kept of a tenant."},
        {"name": ERASURE, "description": "Removing a tenant, or one subject of its jobs, with a receipt."},
        {"name": DEPLOYMENT, "description": "The pipeline as a whole."},
    ])
}

fn illegal(detail: &str) -> Problem {
    Problem::IllegalTransition(detail.to_owned())
}

/// Tells of what a route does.
pub(super) fn tell(does: Does) -> OperationDoc {
    match does {
        Does::Keyed(operation, _) => tell_keyed(operation),
        Does::Open(Open::Health) => admin::health(),
        Does::Open(Open::Readiness) => admin::readiness(),
    }
}

fn tell_keyed(operation: Operation) -> OperationDoc {
    match operation {
        Op::CreateJob => jobs::create_job(),
        Op::CreateJobs => jobs::create_jobs(),
        Op::ListJobs => jobs::list_jobs(),
        Op::ReadJob => jobs::read_job(),
        Op::ListAttempts => jobs::list_attempts(),
        Op::ReadEvidence => jobs::read_evidence(),
        Op::ReadVectors => jobs::read_vectors(),
        Op::CancelJob => jobs::cancel_job(),
        Op::RetryJob => jobs::retry_job(),
        Op::ResendJob => jobs::resend_job(),
        Op::CompleteJob => jobs::complete_job(),
        Op::FailJob => jobs::fail_job(),
        Op::ReadGroup => jobs::read_group(),
        Op::ListDeadLetters => jobs::list_dead_letters(),
        Op::ReadDeadLetter => jobs::read_dead_letter(),
        Op::ReplayDeadLetter => jobs::replay_dead_letter(),
        Op::DiscardDeadLetter => jobs::discard_dead_letter(),
        Op::ListEndpoints => endpoints::list_endpoints(),
        Op::PutEndpoint => endpoints::put_endpoint(),
        Op::ReadEndpoint => endpoints::read_endpoint(),
        Op::DeleteEndpoint => endpoints::delete_endpoint(),
        Op::PauseEndpoint => endpoints::pause_endpoint(),
        Op::ResumeEndpoint => endpoints::resume_endpoint(),
        Op::ReadSecret => endpoints::read_secret(),
        Op::RotateSecret => endpoints::rotate_secret(),
        Op::ReadTenantSecret => endpoints::read_tenant_secret(),
        Op::ListSchedules => schedules::list_schedules(),
        Op::PutSchedule => schedules::put_schedule(),
        Op::ReadSchedule => schedules::read_schedule(),
        Op::DeleteSchedule => schedules::delete_schedule(),
        Op::RunSchedule => schedules::run_schedule(),
        Op::ListOccurrences => schedules::list_occurrences(),
        Op::ListIndexes => indexes::list_indexes(),
        Op::PutIndex => indexes::put_index(),
        Op::ReadIndex => indexes::read_index(),
        Op::DeleteIndex => indexes::delete_index(),
        Op::WriteDocuments => indexes::write_documents(),
        Op::Search => indexes::search(),
        Op::VerifyIndex => indexes::verify_index(),
        Op::ListUsage => usage::list_usage(),
        Op::CreateKey => admin::create_key(),
        Op::ListKeys => admin::list_keys(),
        Op::RevokeKey => admin::revoke_key(),
        Op::ListMalformedMessages => admin::list_malformed_messages(),
        Op::ReadQuota => admin::read_quota(),
        Op::PutQuota => admin::put_quota(),
        Op::ExportTenant => export::export_tenant(),
        Op::EraseTenant => erasures::erase_tenant(),
        Op::EraseSubject => erasures::erase_subject(),
        Op::ReadErasure => erasures::read_erasure(),
        Op::Restored => admin::restored(),
        Op::Pause => admin::pause(),
        Op::Resume => admin::resume(),
    }
}
