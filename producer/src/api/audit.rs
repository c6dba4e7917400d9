//! The audit log over HTTP, for admins.

use longshore::limits::EXPORT_PAGE;
use longshore::manage::audit::{AuditEntry, AuditFilter, list_audit};
use longshore::wire::problem::Problem;

use crate::answer::ApiResponse;
use crate::authenticate::Proof;
use crate::context::ApiContext;

/// `GET /v1/audit`: lists what operators changed. A key for all tenants that names no tenant lists the actions on the whole
/// deployment.
pub(crate) async fn list(context: &mut ApiContext, proof: &Proof) -> Result<ApiResponse, Problem> {
    let of = proof.keeps_keys_of();
    let filter = AuditFilter::read(context.request.parameters()).map_err(Problem::InvalidParameter)?;
    let before = context.position::<String>(&of)?;
    let limit = context.limit()?;
    let limit = if context.request.wants_lines() { EXPORT_PAGE } else { limit };
    let page = list_audit(&context.world, &of, &filter, before, limit).await?;
    let cursor = context.cursor(&of, page.next.as_ref());
    Ok(ApiResponse::page(page.rows.iter().map(AuditEntry::from), cursor).searched_to(page.searched_to))
}
