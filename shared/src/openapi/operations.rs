//! Descriptions of all operations; a new operation does not compile until it has a description. The route table adds
//! method, path, scope, and the errors that all operations of a form share.

mod actions;
mod admin;
mod audit;
mod causes;
mod endpoints;
mod erasures;
mod export;
mod indexes;
mod jobs;
mod schedules;
mod statistics;
mod status;
mod usage;

use serde_json::{Value, json};

use super::describe::OperationDoc;
use crate::routes::{Does, Open, Operation, Operation as Op};
use crate::wire::problem::Problem;

const JOBS: &str = "Jobs";
const DEAD_LETTERS: &str = "Dead letters";
const CAUSES: &str = "Causes";
const ACTIONS: &str = "Actions";
const ENDPOINTS: &str = "Endpoints";
const SCHEDULES: &str = "Schedules";
const INDEXES: &str = "Indexes";
const USAGE: &str = "Usage";
const AUDIT: &str = "Audit";
const KEYS: &str = "Keys";
const EXPORT: &str = "Export";
const ERASURE: &str = "Erasure";
const DEPLOYMENT: &str = "Deployment";

/// Tags in reading order.
pub(super) fn tags() -> Value {
    json!([
        {"name": JOBS, "description": "Durable work and its outcomes."},
        {"name": DEAD_LETTERS, "description": "Failed jobs with their errors, to be replayed or discarded."},
        {"name": CAUSES, "description": "What failed attempts have in common: one line for an incident of many jobs."},
        {"name": ACTIONS, "description": "Operations on all jobs that a filter selects, with a preview, a canary and a rate."},
        {"name": ENDPOINTS, "description": "Destinations of webhooks and tasks, with their signing secrets."},
        {"name": SCHEDULES, "description": "Jobs on a cron schedule: one job per occurrence."},
        {"name": INDEXES, "description": "Documents that are chunked, embedded, and found by words, vectors, or both."},
        {"name": USAGE, "description": "Calls of jobs to embedding providers."},
        {"name": AUDIT, "description": "What operators and admins changed."},
        {"name": KEYS, "description": "API keys, managed by admins and `ROOT_TOKEN`."},
        {"name": EXPORT, "description": "All stored data of a tenant."},
        {"name": ERASURE, "description": "Deletion of a tenant, or of one subject of its jobs, with a receipt."},
        {"name": DEPLOYMENT, "description": "State of the deployment and its pipeline."},
    ])
}

fn illegal(detail: &str) -> Problem {
    Problem::IllegalTransition(detail.to_owned())
}

/// Describes the operation of a route.
pub(super) fn describe_route(does: Does) -> OperationDoc {
    match does {
        Does::Keyed(operation, _) => describe_keyed(operation),
        Does::Open(Open::Health) => admin::health(),
        Does::Open(Open::Readiness) => admin::readiness(),
    }
}

fn describe_keyed(operation: Operation) -> OperationDoc {
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
        Op::CloseGroup => jobs::close_group(),
        Op::ListDeadLetters => jobs::list_dead_letters(),
        Op::ReadDeadLetter => jobs::read_dead_letter(),
        Op::ReplayDeadLetter => jobs::replay_dead_letter(),
        Op::DiscardDeadLetter => jobs::discard_dead_letter(),
        Op::ListCauses => causes::list_causes(),
        Op::ReadCause => causes::read_cause(),
        Op::ResolveCause => causes::resolve_cause(),
        Op::IgnoreCause => causes::ignore_cause(),
        Op::ReopenCause => causes::reopen_cause(),
        Op::Actions(operation) => actions::describe_operation(operation),
        Op::ReadStatus => status::read_status(),
        Op::ReadStatistics => statistics::read_statistics(),
        Op::ReadMetrics => statistics::read_metrics(),
        Op::ListEndpoints => endpoints::list_endpoints(),
        Op::PutEndpoint => endpoints::put_endpoint(),
        Op::ReadEndpoint => endpoints::read_endpoint(),
        Op::DeleteEndpoint => endpoints::delete_endpoint(),
        Op::PauseEndpoint => endpoints::pause_endpoint(),
        Op::ResumeEndpoint => endpoints::resume_endpoint(),
        Op::TestEndpoint => endpoints::test_endpoint(),
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
        Op::ListAudit => audit::list_audit(),
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
