//! The status as the API shows it.

use serde::Serialize;

use super::of::{QueueBacklog, StatusOf, Storage};
use super::read::StatusRead;
use super::reasons::{Level, Reason, judge};
use super::usage::PlanUsage;
use crate::limits::{CAUSE_JOBS_COUNTED_MAX, STATUS_RECENT_JOBS_MAX, STATUS_RECENT_MS};
use crate::manage::causes::{Counted, ShownCause};
use crate::model::state::State;
use crate::wire::daily_limit::DailyLimit;
use crate::wire::time::Time;

/// Status of a tenant, or of all tenants.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct StatusReport<'a> {
    /// Highest level of the reasons; `ok` if there is none.
    #[serde(rename = "status")]
    level: Level,
    version: &'static str,
    /// Time at which the database was read.
    at: Time,
    /// Tenant whose jobs, endpoints and causes it shows; null for all tenants.
    tenant: Option<&'a str>,
    /// Findings that need somebody, the worst first.
    reasons: Vec<Reason>,
    crons: Crons,
    /// Row of any tenant that has waited longest for the sweep; null if none is due.
    oldest_due: Option<OldestDue<'a>>,
    /// Rows of all tenants that are due for the sweep.
    due: Counted,
    jobs: JobCounts,
    /// Endpoints that fail, of the causes below.
    failing_endpoints: Vec<FailingEndpoint<'a>>,
    /// Paused endpoints with held jobs.
    paused_endpoints: Vec<PausedEndpoint<'a>>,
    /// Open causes of waiting jobs and of dead letters, the causes with most jobs first.
    causes: Vec<ShownCause<'a>>,
    /// True if there may be more causes or paused endpoints than are shown.
    has_more: bool,
    /// Backlog of each queue; null if the platform does not report it.
    queues: Option<Vec<QueueBacklog>>,
    storage: Storage,
    /// Estimated usage of the account; null for keys of one tenant.
    usage: Option<PlanUsage>,
}

/// Times of the crons, and the switches of the pipeline.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Crons {
    /// End of the last sweep; null if there was none.
    swept_at: Option<Time>,
    /// Last tick of the schedules; null if there was none.
    ticked_at: Option<Time>,
    /// True if somebody paused the whole pipeline.
    paused: bool,
    /// True if the database waits for the end of a restore.
    restoring: bool,
    /// Daily limit of the free plan that is used up.
    daily_limit: Option<DailyLimit>,
}

/// A row that has waited for the sweep.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct OldestDue<'a> {
    /// Time from which it is due.
    since: Time,
    /// Job of the row; null if it belongs to another tenant.
    job: Option<&'a str>,
    /// Tenant of the job.
    tenant: Option<&'a str>,
}

/// Numbers of jobs by state, each up to a limit.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct JobCounts {
    /// Open dead letters.
    dead: Counted,
    /// Jobs that wait for another attempt after a failure.
    retrying: Counted,
    /// Jobs that wait for their endpoint or the pipeline to be resumed.
    held: Counted,
    recent: RecentJobs,
}

/// States of the jobs that were accepted in the last minutes. States other than those above have no index, because a job
/// that succeeds at once would pay for it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RecentJobs {
    /// Start of the minutes.
    since: Time,
    /// Jobs that were looked at, 500 at most.
    jobs: Counted,
    scheduled: i64,
    queued: i64,
    running: i64,
    succeeded: i64,
}

/// An endpoint whose attempts have failed since the last success.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct FailingEndpoint<'a> {
    tenant: &'a str,
    id: &'a str,
    failing_since: Time,
    /// Last success, at most an hour old.
    last_success_at: Option<Time>,
}

/// A paused endpoint and its held jobs.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PausedEndpoint<'a> {
    tenant: &'a str,
    id: &'a str,
    /// Reason of the pause: `operator`, `gone` or `config`.
    paused_reason: Option<&'a str>,
    /// Last change of the endpoint.
    paused_at: Time,
    held: Counted,
}

impl<'a> StatusOf<'a> {
    /// Judges the deployment.
    pub fn status(self) -> StatusReport<'a> {
        let StatusRead { health, row, causes, held, has_more, .. } = self.read;
        let usage = self.read.usage.map(|usage| PlanUsage::of(&usage, row.now, &self.settings.plan));
        let storage = self.storage();
        let reasons = judge(&self, storage, usage.as_ref());
        let may_see = |owner: &str| self.tenant.is_none_or(|tenant| tenant == owner);
        let oldest_due = row.oldest_due.as_ref().map(|due| OldestDue {
            since: Time(due.at),
            job: may_see(&due.tenant).then_some(&due.id),
            tenant: may_see(&due.tenant).then_some(&due.tenant),
        });
        let mut by_jobs: Vec<_> = causes.iter().map(|cause| &cause.cause).collect();
        by_jobs.sort_by_key(|cause| -(cause.dead + cause.retrying + cause.held));
        StatusReport {
            level: reasons.iter().map(|reason| reason.level).max().unwrap_or(Level::Ok),
            version: env!("CARGO_PKG_VERSION"),
            at: Time(row.now),
            tenant: self.tenant,
            reasons,
            crons: Crons {
                swept_at: health.swept_at.map(Time),
                ticked_at: health.ticked_at.map(Time),
                paused: health.paused == 1,
                restoring: health.epoch != self.settings.epoch,
                daily_limit: self.spent,
            },
            oldest_due,
            due: Counted::up_to(row.due, CAUSE_JOBS_COUNTED_MAX),
            jobs: self.jobs(),
            failing_endpoints: self.failing_endpoints(),
            paused_endpoints: held
                .iter()
                .map(|held| PausedEndpoint {
                    tenant: &held.tenant,
                    id: &held.endpoint,
                    paused_reason: held.paused_reason.as_deref(),
                    paused_at: Time(held.paused_at),
                    held: held.count(),
                })
                .collect(),
            causes: by_jobs.into_iter().map(ShownCause::few).collect(),
            has_more: *has_more,
            queues: self.queues.map(<[_]>::to_vec),
            storage,
            usage,
        }
    }

    fn jobs(&self) -> JobCounts {
        let row = &self.read.row;
        let (failing, retrying) = row.failing;
        let recent = |state: State| row.recent.get(&state).copied().unwrap_or(0);
        JobCounts {
            dead: Counted::up_to(row.dead, CAUSE_JOBS_COUNTED_MAX),
            // Entries of held jobs are among those that were counted.
            retrying: Counted::partly(retrying, failing > CAUSE_JOBS_COUNTED_MAX),
            held: Counted::up_to(row.held, CAUSE_JOBS_COUNTED_MAX),
            recent: RecentJobs {
                since: Time(row.now - STATUS_RECENT_MS),
                jobs: Counted::up_to(row.recent.values().sum(), STATUS_RECENT_JOBS_MAX),
                scheduled: recent(State::Scheduled),
                queued: recent(State::Queued),
                running: recent(State::Running),
                succeeded: recent(State::Succeeded),
            },
        }
    }

    /// Lists each failing endpoint once, the one that has failed longest first.
    fn failing_endpoints(&self) -> Vec<FailingEndpoint<'a>> {
        let failing = self.read.causes.iter().filter_map(|cause| {
            Some(FailingEndpoint {
                tenant: &cause.cause.tenant,
                id: cause.endpoint()?,
                failing_since: Time(cause.failing_since?),
                last_success_at: cause.cause.last_success_at.map(Time),
            })
        });
        let mut failing: Vec<_> = failing.collect();
        failing.sort_by_key(|endpoint| (endpoint.failing_since, endpoint.tenant, endpoint.id));
        failing.dedup();
        failing
    }
}
