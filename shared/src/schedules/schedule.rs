//! The schedule: the request of a caller, the stored row, and its form in the API.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::accept::request::{NewJob, check};
use crate::kinds::shown;
use crate::limits::{MAX_ATTEMPTS_MAX, NEXT_OCCURRENCES_SHOWN};
use crate::model::backoff::RetrySchedule as Backoff;
use crate::model::job::none_if_empty;
use crate::ports::Clock;
use crate::schedules::cron::{Cron, CronProblem};
use crate::schedules::occurrences::{CatchUp, Overlap};
use crate::schedules::zone::Zone;
use crate::settings::Settings;
use crate::wire::checks::check_name_of_path;
use crate::wire::invalid::{InvalidField, read};
use crate::wire::metadata::Metadata;
use crate::wire::phrase::{did_you_mean, quoted, word};
use crate::wire::problem::Problem;
use crate::wire::time::Time;
use crate::wire::values::{Whole, Word};

/// A schedule as callers write it. A field that is omitted gets its default, even if the schedule exists already.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewSchedule"))]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleRequest {
    /// Cron expression of five fields, or a nickname such as `@daily`.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1)))]
    pub(crate) cron: String,
    /// Name of a time zone of the IANA database.
    #[serde(default = "utc")]
    pub(crate) time_zone: String,
    /// Handling of an occurrence while the previous job is open.
    #[serde(default)]
    pub(crate) overlap: Word<Overlap>,
    /// Handling of occurrences whose tick was late.
    #[serde(default)]
    pub(crate) catch_up: Word<CatchUp>,
    /// True if the schedule is paused.
    #[serde(default)]
    pub(crate) paused: bool,
    /// Kind of its jobs.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::kind"))]
    kind: String,
    /// Payload of its jobs.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::kinds::Payload"))]
    payload: Box<RawValue>,
    /// Endpoint that webhooks and tasks are sent to. A webhook may have a `url` in its payload instead.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    endpoint: Option<String>,
    /// Number of attempts of a job that may fail.
    max_attempts: Option<Whole<1, MAX_ATTEMPTS_MAX>>,
    /// Waits between attempts. Default: those of the endpoint.
    retry_schedule: Option<Word<Backoff>>,
    /// Group of its jobs, by which they can be listed.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    group: Option<String>,
    /// Any data of the caller, shown with its jobs.
    metadata: Option<Metadata>,
}

/// The part of the request that describes a job. The payload keeps its exact bytes.
#[derive(Serialize)]
struct JobPart<'a> {
    kind: &'a str,
    payload: &'a RawValue,
    endpoint: Option<&'a str>,
    max_attempts: Option<Whole<1, MAX_ATTEMPTS_MAX>>,
    retry_schedule: Option<Word<Backoff>>,
    group: Option<&'a str>,
    metadata: Option<&'a Metadata>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// Template of a schedule's jobs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Template {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) payload: Option<String>,
    digest: String,
    max_attempts: Option<u32>,
    max_attempts_default: u32,
    backoff: Option<Backoff>,
    backoff_default: Backoff,
    group: Option<String>,
    metadata: Option<String>,
}

impl From<NewJob> for Template {
    fn from(job: NewJob) -> Self {
        Template {
            kind: job.kind,
            payload: job.payload,
            digest: job.digest,
            max_attempts: job.max_attempts,
            max_attempts_default: job.max_attempts_default,
            backoff: job.backoff,
            backoff_default: job.backoff_default,
            group: job.group,
            metadata: job.metadata,
        }
    }
}

impl ScheduleRequest {
    fn job(&self) -> JobPart<'_> {
        JobPart {
            kind: &self.kind,
            payload: &self.payload,
            endpoint: self.endpoint.as_deref(),
            max_attempts: self.max_attempts,
            retry_schedule: self.retry_schedule,
            group: self.group.as_deref(),
            metadata: self.metadata.as_ref(),
        }
    }

    /// Reads and checks a whole request: the expression, and the job's fields as for any job.
    pub(crate) fn check<C: Clock>(
        clock: &C,
        settings: &Settings,
        id: &str,
        bytes: &[u8],
    ) -> Result<(ScheduleRequest, NewJob), Problem> {
        let request: ScheduleRequest = read(bytes, "#")?;
        // The payload is stored in the schedule's row, from which each job copies it.
        let most = settings.plan.payload_inline_bytes;
        if request.payload.get().len() > most {
            return Err(Problem::too_large("The `payload` of a schedule", most, request.payload.get().len()));
        }
        let mut errors = Vec::new();
        errors.extend(check_name_of_path(id));
        let now = clock.now_ms();
        let cron = cron_in(&request.cron, &request.time_zone, now);
        let never =
            |cron: &Cron| if cron.next_after(now).is_none() { Err(wrong_cron(&CronProblem::Never)) } else { Ok(()) };
        errors.extend(cron.and_then(|cron| never(&cron)).err());
        let job = serde_json::to_vec(&request.job()).map_err(|_| Problem::Internal)?;
        match check(clock, settings, &job, 0, None) {
            Ok(job) if errors.is_empty() => Ok((request, job)),
            Ok(_) => Err(Problem::InvalidRequest(errors)),
            Err(Problem::InvalidRequest(fields)) => {
                errors.extend(fields);
                Err(Problem::InvalidRequest(errors))
            }
            Err(other) => Err(other),
        }
    }
}

/// Parses an expression in a time zone.
pub(crate) fn cron_in(cron: &str, time_zone: &str, now: i64) -> Result<Cron, InvalidField> {
    let zone = Zone::named(time_zone).ok_or_else(|| {
        let named = zone_word(time_zone).map(|zone| format!("Unknown time zone {zone}"));
        let named = named.unwrap_or("Unknown time zone".to_owned());
        let more = did_you_mean(time_zone, Zone::names());
        let more = more.unwrap_or("; use a name of the IANA database, such as `Europe/Berlin` or `UTC`".to_owned());
        InvalidField::new("#/time_zone", "unknown-time-zone", format!("{named}{more}"))
    })?;
    Cron::parse(cron, zone, now).map_err(|problem| wrong_cron(&problem))
}

/// Returns a time zone as an error may repeat it, if it looks like a name.
fn zone_word(name: &str) -> Option<String> {
    word(&name.replace('/', "_")).map(|_| quoted(name))
}

fn wrong_cron(problem: &CronProblem) -> InvalidField {
    InvalidField::of("#/cron", problem.code(), problem.to_string())
}

/// State of an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum OccurrenceState {
    /// A job was created.
    Fired,
    /// The previous job was open.
    Skipped,
    /// The tick was too late.
    Missed,
    /// A request asked for a job now.
    RunNow,
    /// No job could be created; `detail` has the reason.
    Refused,
}

/// An occurrence of a schedule, or a request to run now, as an entry of its history.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Occurrence {
    /// Time of the occurrence; null for a request to run now.
    pub scheduled_for: Option<Time>,
    /// Time at which the state was decided.
    pub fired_at: Time,
    /// State of the occurrence.
    pub state: OccurrenceState,
    /// The job that was created.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::JOB_ID)))]
    pub job_id: Option<String>,
    /// Reason why no job was created.
    pub detail: Option<String>,
}

/// A schedule's row. Times are in ms since 1970.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct ScheduleRow {
    pub tenant: String,
    pub id: String,
    pub revision: String,
    pub cron: String,
    pub time_zone: String,
    pub overlap: Overlap,
    pub catch_up: CatchUp,
    pub paused: u8,
    pub last_occurrence: i64,
    pub next_at: Option<i64>,
    pub endpoint: String,
    pub(crate) job: Template,
    pub history: Vec<Occurrence>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ScheduleRow {
    /// Returns its payload as the API shows it: without sealed values.
    pub fn shown_payload(&self) -> Option<Box<RawValue>> {
        self.job.payload.as_deref().and_then(|payload| shown(&self.job.kind, payload))
    }

    /// Returns the next occurrences, including due ones; none if the schedule is paused.
    fn next_occurrences(&self) -> Vec<Time> {
        let Some(next) = self.next_at else { return Vec::new() };
        let Ok(cron) = cron_in(&self.cron, &self.time_zone, next) else { return Vec::new() };
        let occurrences = std::iter::successors(Some(next), |occurrence| cron.next_after(*occurrence));
        occurrences.take(NEXT_OCCURRENCES_SHOWN).map(Time).collect()
    }
}

/// A schedule.
#[derive(Debug, Serialize)]
#[allow(clippy::struct_field_names, reason = "fields are named as they are written")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Schedule<'a> {
    /// Name of the schedule.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = crate::wire::schema::NAME)))]
    id: &'a str,
    /// Kind of its jobs.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::wire::schema::kind"))]
    kind: &'a str,
    paused: bool,
    tenant: &'a str,
    /// Endpoint of its jobs; null for jobs to a bare URL.
    endpoint: Option<&'a str>,
    cron: &'a str,
    time_zone: &'a str,
    /// Next occurrences.
    next: Vec<Time>,
    /// Last occurrence.
    last: Option<&'a Occurrence>,
    created_at: Time,
    updated_at: Time,
    overlap: Overlap,
    catch_up: CatchUp,
    max_attempts: Option<u32>,
    retry_schedule: Option<Backoff>,
    group: Option<&'a str>,
    #[cfg_attr(feature = "openapi", schemars(with = "Option<crate::wire::metadata::Metadata>"))]
    metadata: Option<&'a RawValue>,
    /// Payload as it was put, without sealed values; null in lists.
    #[cfg_attr(feature = "openapi", schemars(with = "crate::wire::schema::Json"))]
    payload: Option<&'a RawValue>,
}

impl<'a> Schedule<'a> {
    /// Creates the schedule as it is shown alone: with its payload, as the row shows it, and its next occurrences.
    pub fn whole(row: &'a ScheduleRow, payload: Option<&'a RawValue>) -> Schedule<'a> {
        Schedule { next: row.next_occurrences(), payload, ..Schedule::listed(row) }
    }

    /// Creates the schedule as it is shown in a list. `next` has one occurrence, because five of a hundred schedules
    /// would take too long to compute.
    pub fn listed(row: &'a ScheduleRow) -> Schedule<'a> {
        let job = &row.job;
        Schedule {
            id: &row.id,
            kind: &job.kind,
            paused: row.paused == 1,
            tenant: &row.tenant,
            endpoint: none_if_empty(&row.endpoint),
            cron: &row.cron,
            time_zone: &row.time_zone,
            next: row.next_at.into_iter().map(Time).collect(),
            last: row.history.first(),
            created_at: Time(row.created_at),
            updated_at: Time(row.updated_at),
            overlap: row.overlap,
            catch_up: row.catch_up,
            max_attempts: job.max_attempts,
            retry_schedule: job.backoff,
            group: job.group.as_deref(),
            metadata: job.metadata.as_deref().and_then(|json| serde_json::from_str(json).ok()),
            payload: None,
        }
    }
}
