//! Reading of the status: one batch of set-based statements, each of which reads a bounded number of rows.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;

use super::usage::UsageRow;
use crate::limits::{
    CAUSE_JOBS_COUNTED_MAX, HOUR_MS, PACE_HOURS, STATUS_CAUSE_JOBS_COUNTED_MAX, STATUS_CAUSES_MAX, STATUS_HOURS_MAX,
    STATUS_RECENT_JOBS_MAX, STATUS_RECENT_MS, STATUS_RECENT_TENANTS_MAX,
};
use crate::manage::causes::CauseRow;
use crate::manage::health::{HealthRow, health_statement};
use crate::model::job::first_id_at;
use crate::model::state::State;
use crate::ports::{Clock, Database};
use crate::settings::Settings;
use crate::store::rows::{rows, unavailable};
use crate::store::{batch, json_param, sql, tenants};
use crate::wire::problem::Problem;

/// A row that is due for the sweep.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct DueRow {
    pub tenant: String,
    pub id: String,
    pub at: i64,
}

/// Counts of jobs as the store returns them. Times are ms of the database's clock.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct StatusRow {
    pub now: i64,
    pub dead: i64,
    pub held: i64,
    /// Jobs that wait after a failure, and those of them that are retrying.
    pub failing: (i64, i64),
    pub due: i64,
    pub oldest_due: Option<DueRow>,
    pub recent: HashMap<State, i64>,
    pub size_before: Option<i64>,
    pub size_before_at: Option<i64>,
}

/// An open cause of waiting jobs or of dead letters, with the time since which its endpoint fails.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct StatusCause {
    #[serde(flatten)]
    pub cause: CauseRow,
    pub failing_since: Option<i64>,
}

/// A paused endpoint with held jobs.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct StatusHeld {
    pub tenant: String,
    pub endpoint: String,
    pub paused_reason: Option<String>,
    pub paused_at: i64,
    pub held: i64,
}

/// Everything that the status reads from the database.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct StatusRead {
    pub health: HealthRow,
    pub row: StatusRow,
    pub causes: Vec<StatusCause>,
    /// True if there may be more causes, or more paused endpoints.
    pub has_more: bool,
    pub held: Vec<StatusHeld>,
    /// `None` for a caller who may not see the account's usage.
    pub usage: Option<UsageRow>,
    /// Size of the database in bytes, if it is known.
    pub size_bytes: Option<i64>,
}

/// Reads the status of a tenant, or of all tenants. The usage is that of the account, for keys of all tenants only.
///
/// # Errors
/// `Unavailable`.
pub async fn read_status<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    tenant: Option<&str>,
    with_usage: bool,
) -> Result<StatusRead, Problem> {
    let (from, to) = tenants(tenant);
    let recent_from = world.now_ms() - STATUS_RECENT_MS;
    let terms = json!({
        "from": from, "to": to, "counted": CAUSE_JOBS_COUNTED_MAX, "recent": STATUS_RECENT_JOBS_MAX,
        "tenants": STATUS_RECENT_TENANTS_MAX, "from_id": first_id_at(recent_from), "hour": world.now_ms() / HOUR_MS,
    });
    let steps = json_param(&json!({"from": from, "to": to, "counted": STATUS_CAUSE_JOBS_COUNTED_MAX}));
    // One more, because the walk begins with a pair before the first cause.
    let steps_max = i64::try_from(STATUS_CAUSES_MAX).unwrap_or(i64::MAX) + 1;
    let mut statements = vec![
        health_statement(settings),
        sql!("read_status", json_param(&terms)),
        sql!("status_causes", steps.clone(), steps_max),
        sql!("status_held", steps, steps_max),
    ];
    if with_usage {
        statements.push(sql!("status_usage", STATUS_HOURS_MAX + 1, PACE_HOURS));
    }
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let mut answers = answers.iter();
    let health = rows(answers.next())?.pop().ok_or(Problem::Unavailable)?;
    let row = rows(answers.next())?.pop().ok_or(Problem::Internal)?;
    let causes: Vec<Option<StatusCause>> = rows(answers.next())?;
    let held: Vec<StatusHeld> = rows(answers.next())?;
    let has_more = causes.len() >= STATUS_CAUSES_MAX || held.len() >= STATUS_CAUSES_MAX;
    let usage = rows(answers.next())?.pop();
    let causes = causes.into_iter().flatten().collect();
    Ok(StatusRead { health, row, causes, has_more, held, usage, size_bytes: world.size_bytes() })
}
