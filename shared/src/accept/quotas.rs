//! Quotas: how many jobs a tenant, or an API key, may have accepted from one midnight UTC to the next.
//!
//! A request, or 500 lines of one, is accepted whole while its quota is not reached, so that the last one may pass it by the
//! jobs it has. Jobs of schedules and replays are not counted: they take the scope `operate`.

use serde::{Deserialize, Serialize};

use crate::ports::{Clock, Database, Param, Statement};
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
    /// Jobs that all its keys together may have accepted in a day; null, or nothing, lifts the bound.
    jobs_per_day: Option<Whole<1, { u32::MAX }>>,
}

/// What the store has of a tenant's quota.
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
    /// Null for any number.
    pub jobs_per_day: Option<u32>,
    /// Since midnight UTC; counted while there is a bound.
    pub jobs_today: u64,
}

/// Sets the quota of a key, or with an empty one that of the tenant.
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
    // One that was never set bounds nothing.
    let QuotaRow { jobs_per_day, jobs_today } = row.unwrap_or_default();
    Ok(Quota { tenant, jobs_per_day, jobs_today })
}

/// Sets a tenant's quota or lifts it; answers it as the API shows it. Safe to repeat: it is set to the same.
///
/// # Errors
/// `NotFound` for what is no tenant's name; a problem that names the wrong field; `Unavailable`.
pub async fn put_quota<'a, W: Database + Clock>(world: &W, tenant: &'a str, body: &[u8]) -> Result<Quota<'a>, Problem> {
    let request: QuotaRequest = read(body, "#")?;
    if !is_name(tenant) {
        return Err(Problem::not_found("Tenant", tenant));
    }
    if let Some(wrong) = request.jobs_per_day.and_then(|jobs| jobs.check("#/jobs_per_day")) {
        return Err(Problem::InvalidRequest(vec![wrong]));
    }
    let jobs_per_day = request.jobs_per_day.map(Whole::get);
    quota_after(world, tenant, vec![set_quota("", tenant, jobs_per_day), read_statement(tenant)]).await
}

/// A tenant's quota as the API shows it; one that was never set bounds nothing.
///
/// # Errors
/// `Unavailable`.
pub async fn read_quota<'a, W: Database + Clock>(world: &W, tenant: &'a str) -> Result<Quota<'a>, Problem> {
    quota_after(world, tenant, vec![read_statement(tenant)]).await
}
