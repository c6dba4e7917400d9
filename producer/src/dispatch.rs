//! Dispatch of the API's operations to their handlers.

use longshore::manage::audit::AUDIT_FILTERS;
use longshore::manage::endpoints::EndpointChange;
use longshore::manage::filter::{DEAD_LETTER_FILTERS, JOB_FILTERS};
use longshore::routes::{ActionOperation, Operation as Op};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::api::{
    actions, audit, causes, complete, endpoints, erasures, export_tenant, groups, indexes, jobs, keys, operate, quotas,
    read, schedules, statistics, status, usage,
};
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// Handles an operation for a caller with the proof that the key has its scope.
pub(crate) async fn handle(operation: Op, proof: &Proof, context: &mut ApiContext) -> Result<ApiResponse, Problem> {
    context.only_parameters(parameters(operation))?;
    match operation {
        Op::CreateJob => jobs::create_job(context, proof.principal()).await,
        Op::CreateJobs => jobs::create_jobs(context, proof).await,
        Op::ListJobs => read::list_jobs(context, proof).await,
        Op::ReadJob => read::read_job(context, proof).await,
        Op::ListAttempts => read::list_attempts(context, proof).await,
        Op::ReadEvidence => read::read_evidence(context, proof).await,
        Op::ReadVectors => read::read_vectors(context, proof).await,
        Op::ReadGroup => groups::read(context, proof).await,
        Op::CloseGroup => groups::close(context, proof).await,
        Op::ListDeadLetters => read::list_dead_letters(context, proof).await,
        Op::ReadDeadLetter => read::read_dead_letter(context, proof).await,
        Op::CancelJob => operate::cancel(context, proof).await,
        Op::RetryJob => operate::retry(context, proof).await,
        Op::ResendJob => operate::resend(context, proof).await,
        Op::CompleteJob => complete::complete(context, proof).await,
        Op::FailJob => complete::fail(context, proof).await,
        Op::ReplayDeadLetter => operate::replay(context, proof).await,
        Op::DiscardDeadLetter => operate::discard(context, proof).await,
        Op::ListCauses => causes::list(context, proof).await,
        Op::ReadCause => causes::read(context, proof).await,
        Op::ResolveCause => causes::resolve(context, proof).await,
        Op::IgnoreCause => causes::ignore(context, proof).await,
        Op::ReopenCause => causes::reopen(context, proof).await,
        Op::Actions(operation) => actions::handle(operation, context, proof).await,
        Op::ReadStatus => status::read(context, proof).await,
        Op::ReadStatistics => statistics::read(context, proof).await,
        Op::ReadMetrics => statistics::metrics(context, proof).await,
        Op::Pause => operate::set_paused(context, proof, true).await,
        Op::Resume => operate::set_paused(context, proof, false).await,
        Op::Restored => operate::restored(context, proof).await,
        Op::ListEndpoints => endpoints::list(context, proof).await,
        Op::PutEndpoint => endpoints::put(context, proof).await,
        Op::ReadEndpoint => endpoints::read(context, proof).await,
        Op::DeleteEndpoint => endpoints::change(context, proof, EndpointChange::Delete).await,
        Op::PauseEndpoint => endpoints::change(context, proof, EndpointChange::Pause).await,
        Op::ResumeEndpoint => endpoints::change(context, proof, EndpointChange::Resume).await,
        Op::TestEndpoint => endpoints::test(context, proof).await,
        Op::ReadSecret => endpoints::secret(context, proof).await,
        Op::RotateSecret => endpoints::rotate(context, proof).await,
        Op::ReadTenantSecret => endpoints::tenant_secret(context, proof).await,
        Op::ListSchedules => schedules::list(context, proof).await,
        Op::PutSchedule => schedules::put(context, proof).await,
        Op::ReadSchedule => schedules::read(context, proof).await,
        Op::DeleteSchedule => schedules::delete(context, proof).await,
        Op::RunSchedule => schedules::run(context, proof).await,
        Op::ListOccurrences => schedules::occurrences(context, proof).await,
        Op::ListIndexes => indexes::list(context, proof).await,
        Op::PutIndex => indexes::put(context, proof).await,
        Op::ReadIndex => indexes::read(context, proof).await,
        Op::DeleteIndex => indexes::delete(context, proof).await,
        Op::WriteDocuments => indexes::write_documents(context, proof).await,
        Op::Search => indexes::search(context, proof).await,
        Op::VerifyIndex => indexes::verify(context, proof).await,
        Op::ListUsage => usage::list(context, proof).await,
        Op::ListAudit => audit::list(context, proof).await,
        Op::CreateKey => keys::create(context, proof).await,
        Op::ListKeys => keys::list(context, proof).await,
        Op::RevokeKey => keys::revoke(context, proof).await,
        Op::ListMalformedMessages => keys::malformed_messages(context, proof).await,
        Op::ReadQuota => quotas::read(context, proof).await,
        Op::PutQuota => quotas::put(context, proof).await,
        Op::ExportTenant => export_tenant::export(context, proof),
        Op::EraseTenant => erasures::erase_tenant(context, proof).await,
        Op::EraseSubject => erasures::erase_subject(context, proof).await,
        Op::ReadErasure => erasures::read(context, proof).await,
    }
}

/// Returns the names of an operation's query parameters, besides those that [`ApiContext::only_parameters`] always allows.
fn parameters(operation: Op) -> &'static [&'static str] {
    match operation {
        Op::ListJobs => &JOB_FILTERS,
        Op::ListDeadLetters => DEAD_LETTER_FILTERS,
        Op::ListCauses => &["state", "kind", "endpoint", "since"],
        Op::Actions(ActionOperation::ListActions) => &["state"],
        Op::ReadJob | Op::ReadGroup | Op::Actions(ActionOperation::ReadAction) => &["wait"],
        Op::ListAudit => &AUDIT_FILTERS,
        Op::ListUsage => &["from", "to"],
        Op::ReadStatistics => &["from", "to", "step", "by"],
        Op::ReadMetrics => &["endpoints"],
        Op::WriteDocuments => &["group", "replace"],
        _ => &[],
    }
}
