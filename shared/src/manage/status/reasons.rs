//! Judgement of a deployment: each reason with its level, whose fault it is, and the runbook.

use serde::Serialize;

use super::of::{StatusOf, Storage};
use super::read::{StatusCause, StatusHeld};
use super::usage::PlanUsage;
use crate::limits::{
    DEATH_FRESH_MS, DUE_AGE_MS_MAX, ENDPOINT_FAILING_MS, STATUS_CAUSE_JOBS_COUNTED_MAX, STORAGE_DAYS_MIN,
    STORAGE_WARN_PERCENT, TICK_AGE_MS_MAX,
};
use crate::manage::causes::Counted;
use crate::model::outcome::{ErrorClass, Fault};
use crate::wire::daily_limit::DailyLimit;
use crate::wire::time::Time;

/// Level of a status or of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// No reason to act.
    Ok,
    /// Jobs run, and somebody should look.
    Degraded,
    /// Jobs fail or do not run.
    Failing,
}

/// Side that a reason is the fault of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Longshore: report it as a bug.
    Longshore,
    /// The receiver of the jobs.
    Receiver,
    /// The operator of the deployment: a setting, a switch, or a restore.
    Operator,
    /// Cloudflare.
    Platform,
    /// A limit of the Cloudflare account or its plan.
    AccountLimit,
    /// An embedding provider.
    Provider,
    /// The caller that accepted the job: its payload cannot be processed.
    Caller,
}

impl Party {
    /// Returns the side that causes errors of this class.
    pub fn of(class: ErrorClass) -> Party {
        match (class, class.fault()) {
            (ErrorClass::Config, _) => Party::Operator,
            (ErrorClass::DailyLimit, _) => Party::AccountLimit,
            (_, Fault::Destination) => Party::Receiver,
            (_, Fault::Ours) => Party::Longshore,
            (_, Fault::Provider) => Party::Provider,
            (_, Fault::Payload) => Party::Caller,
        }
    }
}

macro_rules! codes {
    ($($variant:ident $runbook:literal $doc:literal),* $(,)?) => {
        /// Code of a reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum ReasonCode {
            $(#[doc = $doc] $variant,)*
        }

        impl ReasonCode {
            /// Every code.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$variant),*];

            /// Returns the section of `docs/operations.md` about it.
            pub fn runbook(self) -> &'static str {
                match self { $(ReasonCode::$variant => concat!("docs/operations.md#", $runbook),)* }
            }
        }
    };
}

codes! {
    SweepLate "a-cron-does-not-run" "The sweep has not run for 3 minutes.",
    TickLate "a-cron-does-not-run" "The schedules have not ticked for 3 minutes.",
    DueJobsLate "jobs-wait" "The oldest due row has waited for 5 minutes.",
    QueueLate "queue-trouble" "The oldest message of a queue is 5 minutes old.",
    StorageFull "storage-full" "The database is nearly full: new jobs are refused.",
    StorageFilling "storage-full" "The database will soon be full.",
    DailyLimit "daily-limit" "The account has spent a daily limit of the free plan.",
    AllowanceForecast "daily-limit" "The account will spend a daily limit before midnight UTC.",
    Restoring "restoring" "The database waits for the end of a restore.",
    PipelinePaused "stop-everything" "Somebody paused the whole pipeline.",
    EndpointFailing "a-receiver-fails" "Attempts to an endpoint have failed since its last success.",
    EndpointPaused "paused-endpoint" "Jobs are held because their endpoint is paused.",
    WorkerCrashes "crash-loop" "Attempts stopped the Worker.",
    ProviderFailing "embedding-provider" "An embedding provider fails.",
    DeadLetters "dead-letters" "Jobs are dead and have not been replayed or discarded.",
    JobsRetrying "dead-letters" "Jobs wait for another attempt after a failure.",
}

/// Finding that needs somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Reason {
    pub(super) level: Level,
    code: ReasonCode,
    /// One sentence for people.
    detail: String,
    /// Side whose fault it is; null if it is unknown.
    fault: Option<Party>,
    /// Time since which it holds; null if it is unknown.
    since: Option<Time>,
    /// Tenant that it concerns; null if it concerns all tenants.
    tenant: Option<String>,
    endpoint: Option<String>,
    /// Cause of the failures.
    cause: Option<String>,
    /// Jobs that it concerns.
    count: Option<Counted>,
    /// Section of the documentation with what to do.
    runbook: &'static str,
}

impl Reason {
    fn new(level: Level, code: ReasonCode, fault: Party, detail: impl Into<String>) -> Reason {
        let (since, tenant, endpoint, cause, count) = (None, None, None, None, None);
        let (detail, fault, runbook) = (detail.into(), Some(fault), code.runbook());
        Reason { level, code, detail, fault, since, tenant, endpoint, cause, count, runbook }
    }

    fn since(self, since: Option<i64>) -> Reason {
        Reason { since: since.map(Time), ..self }
    }
}

/// Lists the reasons, the worst and those of most jobs first.
pub(super) fn judge(of: &StatusOf<'_>, storage: Storage, usage: Option<&PlanUsage>) -> Vec<Reason> {
    let mut reasons = crons(of);
    reasons.extend(switches(of));
    reasons.extend(storage_reason(storage));
    reasons.extend(limits(of, usage));
    reasons.extend(of.read.causes.iter().map(|cause| cause.reason(of.read.row.now)));
    reasons.extend(of.read.held.iter().map(StatusHeld::reason));
    // A stable sort: the deployment comes before its tenants.
    reasons.sort_by_key(|reason| {
        let is_of_tenant = reason.tenant.is_some();
        (std::cmp::Reverse(reason.level), is_of_tenant, -reason.count.map_or(0, Counted::count))
    });
    reasons
}

fn crons(of: &StatusOf<'_>) -> Vec<Reason> {
    let (health, row) = (&of.read.health, &of.read.row);
    let is_late = |at: i64, most: i64| row.now - at > most;
    let mut reasons = Vec::new();
    for (code, at, what) in [
        (ReasonCode::SweepLate, health.swept_at, "The sweep"),
        (ReasonCode::TickLate, health.ticked_at, "The tick of the schedules"),
    ] {
        if at.is_none_or(|at| is_late(at, TICK_AGE_MS_MAX)) {
            let how = if at.is_some() { "has not run for more than 3 minutes" } else { "has never run" };
            reasons.push(Reason::new(Level::Failing, code, Party::Platform, format!("{what} {how}")).since(at));
        }
    }
    if let Some(due) = row.oldest_due.as_ref().filter(|due| is_late(due.at, DUE_AGE_MS_MAX)) {
        let detail = "The sweep is behind: the oldest due row has waited for more than 5 minutes";
        let reason = Reason::new(Level::Degraded, ReasonCode::DueJobsLate, Party::Longshore, detail);
        reasons.push(reason.since(Some(due.at)));
    }
    for queue in of.queues.unwrap_or_default() {
        if let Some(at) = queue.oldest_at.filter(|at| is_late(at.0, DUE_AGE_MS_MAX)) {
            let detail = format!("{} messages wait in the queue {}", queue.messages, queue.queue);
            let reason = Reason::new(Level::Degraded, ReasonCode::QueueLate, Party::Platform, detail);
            reasons.push(reason.since(Some(at.0)));
        }
    }
    reasons
}

fn switches(of: &StatusOf<'_>) -> Vec<Reason> {
    let health = &of.read.health;
    let restoring = (health.epoch != of.settings.epoch).then(|| {
        let detail = "The database and the deployment have different epochs: nothing is accepted or sent until the \
                      restore ends";
        Reason::new(Level::Failing, ReasonCode::Restoring, Party::Operator, detail)
    });
    let paused = (health.paused == 1).then(|| {
        let detail = "The whole pipeline is paused: jobs are accepted and held";
        Reason::new(Level::Degraded, ReasonCode::PipelinePaused, Party::Operator, detail)
    });
    [restoring, paused].into_iter().flatten().collect()
}

fn storage_reason(storage: Storage) -> Option<Reason> {
    if storage.full {
        let detail = "The database is more than 90 % full: new jobs are refused";
        return Some(Reason::new(Level::Failing, ReasonCode::StorageFull, Party::AccountLimit, detail));
    }
    let detail = match (storage.percent, storage.days_until_full) {
        (_, Some(days)) if days < STORAGE_DAYS_MIN => format!("At its growth the database is full in {days} days"),
        (Some(percent), _) if percent >= STORAGE_WARN_PERCENT => format!("The database is {percent} % full"),
        _ => return None,
    };
    Some(Reason::new(Level::Degraded, ReasonCode::StorageFilling, Party::AccountLimit, detail))
}

fn limits(of: &StatusOf<'_>, usage: Option<&PlanUsage>) -> Vec<Reason> {
    let spent = of.spent.map(|limit| {
        // Without queue operations the sweep runs the jobs.
        let is_slow = limit == DailyLimit::QueueOperations;
        let level = if is_slow { Level::Degraded } else { Level::Failing };
        let detail = format!("The account has no {limit} left until midnight UTC");
        Reason::new(level, ReasonCode::DailyLimit, Party::AccountLimit, detail)
    });
    let exceeded = usage.map(PlanUsage::exceeded).unwrap_or_default().into_iter().map(|(name, used, allowed)| {
        let detail = format!("About {used} {name} are expected by midnight UTC; the plan allows {allowed} a day");
        Reason::new(Level::Degraded, ReasonCode::AllowanceForecast, Party::AccountLimit, detail)
    });
    spent.into_iter().chain(exceeded).collect()
}

impl StatusCause {
    /// Returns the endpoint of the jobs; `None` for jobs to bare URLs.
    pub(super) fn endpoint(&self) -> Option<&str> {
        self.cause.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty())
    }

    /// Returns whose fault it is; `None` for a passed deadline, and for more causes than are kept.
    fn party(&self) -> Option<Party> {
        self.cause.class.map(Party::of)
    }

    /// Returns true if jobs fail now, and not only wait for an operator.
    fn fails_now(&self, now: i64) -> bool {
        let is_dead = self.cause.dead > 0;
        match self.failing_since {
            Some(since) => is_dead || now - since >= ENDPOINT_FAILING_MS,
            // Its last attempt succeeded.
            None if self.endpoint().is_some() && self.party() == Some(Party::Receiver) => false,
            None => is_dead && self.cause.died_at.is_some_and(|at| now - at < DEATH_FRESH_MS),
        }
    }

    fn code(&self) -> ReasonCode {
        match (self.party(), self.cause.class) {
            (_, Some(ErrorClass::Crash)) => ReasonCode::WorkerCrashes,
            (_, Some(ErrorClass::DailyLimit)) => ReasonCode::DailyLimit,
            (Some(Party::Provider), _) => ReasonCode::ProviderFailing,
            _ if self.failing_since.is_some() => ReasonCode::EndpointFailing,
            _ if self.cause.dead > 0 => ReasonCode::DeadLetters,
            _ => ReasonCode::JobsRetrying,
        }
    }

    fn reason(&self, now: i64) -> Reason {
        let cause = &self.cause;
        let [dead, retrying, held] =
            [cause.dead, cause.retrying, cause.held].map(|read| Counted::up_to(read, STATUS_CAUSE_JOBS_COUNTED_MAX));
        let waiting = Counted::sum([retrying, held]);
        let place = match (self.endpoint(), cause.host.as_deref(), cause.kind.as_deref()) {
            (Some(endpoint), ..) => format!(" to endpoint `{endpoint}`"),
            (None, Some(host), _) => format!(" to {host}"),
            (None, None, Some(kind)) => format!(" of kind `{kind}`"),
            (None, None, None) => String::new(),
        };
        let status = cause.status.map(|status| format!("{status} ")).unwrap_or_default();
        let answer = format!("{status}{}", cause.text);
        let detail = format!("Jobs{place} fail: {}; {dead} dead, {waiting} waiting", answer.trim_end());
        let level = if self.fails_now(now) { Level::Failing } else { Level::Degraded };
        let code = self.code();
        let seen = cause.came_back_at.unwrap_or(cause.first_seen);
        Reason {
            level,
            code,
            detail,
            fault: self.party(),
            since: Some(Time(self.failing_since.unwrap_or(seen))),
            tenant: Some(cause.tenant.clone()),
            endpoint: self.endpoint().map(str::to_owned),
            cause: Some(cause.id.clone()),
            count: Some(Counted::sum([dead, waiting])),
            runbook: code.runbook(),
        }
    }
}

impl StatusHeld {
    /// Returns the number of held jobs.
    pub(super) fn count(&self) -> Counted {
        Counted::up_to(self.held, STATUS_CAUSE_JOBS_COUNTED_MAX)
    }

    fn reason(&self) -> Reason {
        let (level, fault, why) = match self.paused_reason.as_deref() {
            Some("gone") => (Level::Failing, Party::Receiver, "its receiver answered 410"),
            Some("config") => (Level::Failing, Party::Operator, "the consumer lacks its service binding"),
            _ => (Level::Degraded, Party::Operator, "an operator paused it"),
        };
        let detail = format!("Endpoint `{}` is paused: {why}; {} jobs are held", self.endpoint, self.count());
        Reason {
            tenant: Some(self.tenant.clone()),
            endpoint: Some(self.endpoint.clone()),
            count: Some(self.count()),
            ..Reason::new(level, ReasonCode::EndpointPaused, fault, detail).since(Some(self.paused_at))
        }
    }
}
