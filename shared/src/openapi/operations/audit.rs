//! The audit log.

use super::AUDIT;
use crate::manage::audit::{AuditEntry, AuditFilter};
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;
use crate::wire::problem::Problem;

pub(super) fn list_audit() -> OperationDoc {
    let description = "The newest first: who changed what, from where, and what it replaced. The change and its entry are \
                       written together; a request that changes nothing has no entry. Accepted jobs and documents have \
                       none either. Secrets, tokens and payloads are never in it. A key for all tenants that names no \
                       tenant lists the entries of the whole deployment. A filtered page reads at most 1,000 entries and \
                       may be short: continue as long as there is a `next_cursor`. Entries are deleted after 400 days.";
    let wrong = [("operation", "CancelJobs")].into_iter();
    describe(AUDIT, "Lists what operators changed", description)
        .takes(&["key-of-audit", "operation", "target", "after", "before", "Longshore-Tenant", "tenant"])
        .pages()
        .refuses(AuditFilter::read(wrong).err().map(Problem::InvalidParameter))
        .answers_page::<AuditEntry<'_>>("A page of entries.", &examples::audit_entry())
}
