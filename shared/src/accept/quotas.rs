//! Quotas: the maximum number of jobs that a tenant or an API key may submit per day (UTC).
//!
//! A request, or each chunk of 500 lines, is accepted completely if the quota is not reached yet. The last one may
//! therefore exceed the quota by the jobs it has. Jobs of schedules and replays are not counted: they need the scope
//! `operate`.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ports::{Clock, Database, Param, Statement};
use crate::routes::Operation;
use crate::store::audit::{Operator, Target};
use crate::store::rows::unavailable;
use crate::store::{batch, first_as, sql};
use crate::wire::invalid::{is_name, read};
use crate::wire::problem::Problem;
use crate::wire::values::Whole;

/// A tenant's quota as an operator sets it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewQuota"))]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaRequest {
    /// Maximum number of accepted jobs per day (UTC) over all keys of the tenant; null or absent removes the limit.
    jobs_per_day: Option<Whole<1, { u32::MAX }>>,
}

/// Quota row of a tenant.
#[derive(Debug, Default, Deserialize)]
struct QuotaRow {
    jobs_per_day: Option<u32>,
    jobs_today: u64,
}

/// A tenant's quota.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Quota<'a> {
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    pub(crate) tenant: &'a str,
    /// Maximum number of accepted jobs per day (UTC); null for no limit.
    pub jobs_per_day: Option<u32>,
    /// Jobs accepted since midnight UTC. Counted only while a limit is set.
    pub jobs_today: u64,
}

/// Sets the quota of a key, or of the tenant if `key` is empty.
pub(crate) fn set_quota(key: &str, tenant: &str, jobs_per_day: Option<u32>) -> Statement {
    sql!("put_quota", key, tenant, jobs_per_day.map_or(Param::Null, |jobs| Param::from(i64::from(jobs))))
}

fn read_statement(tenant: &str) -> Statement {
    sql!("read_quota", tenant)
}

async fn quota_after<'a, W: Database + Clock>(
    world: &W,
    tenant: &'a str,
    statements: Vec<Statement>,
) -> Result<Quota<'a>, Problem> {
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let row: Option<QuotaRow> = first_as(answers.last()).map_err(|error| unavailable(&error))?;
    // No row means no limit.
    let QuotaRow { jobs_per_day, jobs_today } = row.unwrap_or_default();
    Ok(Quota { tenant, jobs_per_day, jobs_today })
}

/// Sets or removes a tenant's quota and returns it. Idempotent.
///
/// # Errors
/// `NotFound` for an invalid tenant name; a problem that names the wrong field; `Unavailable`.
pub async fn put_quota<'a, W: Database + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &'a str,
    body: &[u8],
) -> Result<Quota<'a>, Problem> {
    let request: QuotaRequest = read(body, "#")?;
    if !is_name(tenant) {
        return Err(Problem::not_found("Tenant", tenant));
    }
    if let Some(wrong) = request.jobs_per_day.and_then(|jobs| jobs.check("#/jobs_per_day")) {
        return Err(Problem::InvalidRequest(vec![wrong]));
    }
    let jobs_per_day = request.jobs_per_day.map(Whole::get);
    let action = operator.does(Operation::PutQuota, tenant, Target::Tenant, tenant);
    let action = action.after(json!({"jobs_per_day": jobs_per_day}));
    let noting = sql!("note_quota", action.param());
    quota_after(world, tenant, vec![noting, set_quota("", tenant, jobs_per_day), read_statement(tenant)]).await
}

/// Reads a tenant's quota. A quota that was never set has no limit.
///
/// # Errors
/// `Unavailable`.
pub async fn read_quota<'a, W: Database + Clock>(world: &W, tenant: &'a str) -> Result<Quota<'a>, Problem> {
    quota_after(world, tenant, vec![read_statement(tenant)]).await
}
