//! `longshore jobs`: lists, shows, waits for, cancels and repeats jobs.

use clap::Subcommand;
use longshore::model::state::State;
use longshore_client::{Answer, Job};

use crate::commands::each::{change, for_each};
use crate::commands::filter::{FILTERS, JobFilter, ListSize};
use crate::commands::repeat::repeat;
use crate::context::Context;
use crate::failure::{DONE, Failure, REFUSED};
use crate::output::Field;
use crate::times::{Deadline, shown, shown_or_dash};

/// Maximum number of seconds for which one request waits.
const WAIT_SECONDS_MAX: u64 = 30;

/// Commands on jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists jobs, the newest first.
    List {
        #[command(flatten)]
        filter: Box<JobFilter>,
        /// Idempotency key of the jobs; excludes all other filters.
        #[arg(long, value_name = "KEY", conflicts_with_all = FILTERS)]
        idempotency_key: Option<String>,
        #[command(flatten)]
        size: ListSize,
    },
    /// Shows a job with its payload and result.
    Show {
        /// Ids of the jobs.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
    },
    /// Waits until jobs have ended. The exit code is 1 if one does not succeed in time.
    Wait {
        /// Ids of the jobs.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
        /// Seconds to wait for all of them.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        timeout: u64,
    },
    /// Ends waiting jobs; a running one gets no further attempt.
    Cancel {
        /// Ids of the jobs.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
    },
    /// Makes waiting jobs due now.
    Retry {
        /// Ids of the jobs.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
    },
    /// Sends a job that succeeded or was cancelled again, as a new job.
    Resend {
        /// Id of the job.
        job: String,
        /// Idempotency key: a repeat with the same key returns the same new job.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
}

/// Runs a command on jobs.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::List { filter, idempotency_key, size } => {
            let request = filter.request().parameter("idempotency_key", idempotency_key.as_ref());
            let jobs = context.client().list::<Job>(&request, size.limit())?;
            context.output.list(&jobs, &HEADER, row).map(|()| DONE)
        }
        Command::Show { jobs } => for_each(jobs, |id| show(context, &context.client().job(id, None)?)),
        Command::Wait { jobs, timeout } => {
            let deadline = Deadline::after(*timeout);
            for_each(jobs, |id| wait(context, id, deadline))
        }
        Command::Cancel { jobs } => {
            let client = context.client_to_change(&change("cancel", jobs, "jobs"))?;
            for_each(jobs, |id| show(context, &client.cancel(id)?))
        }
        Command::Retry { jobs } => {
            let client = context.client_to_change(&change("retry", jobs, "jobs"))?;
            for_each(jobs, |id| show(context, &client.retry(id)?))
        }
        Command::Resend { job, idempotency_key } => {
            let client = context.client_to_change(&format!("resend {job}"))?;
            show(context, &client.resend(job, idempotency_key.as_deref())?)
        }
    }
}

/// Columns of a list of jobs.
pub(crate) const HEADER: [&str; 7] = ["ID", "STATE", "KIND", "ENDPOINT", "ATTEMPTS", "CREATED", "ERROR"];

/// Returns the row of a job in a list.
pub(crate) fn row(job: &Job) -> Vec<String> {
    vec![
        job.id.clone(),
        job.state.name().to_owned(),
        job.kind.clone(),
        job.endpoint.clone().unwrap_or_else(|| "-".to_owned()),
        format!("{}/{}", job.attempts, job.max_attempts),
        shown(&job.created_at),
        job.error.as_ref().map_or_else(|| "-".to_owned(), |error| error.class.clone()),
    ]
}

/// Shows one job.
pub(crate) fn show(context: &Context, job: &Answer<Job>) -> Result<u8, Failure> {
    context.output.one(job, fields).map(|()| DONE)
}

fn fields(job: &Job) -> Vec<Field> {
    let error = job.error.as_ref();
    let json = |json: &Option<Box<serde_json::value::RawValue>>| json.as_ref().map(|json| json.get().to_owned());
    vec![
        ("id", Some(job.id.clone())),
        ("state", Some(job.state.name().to_owned())),
        ("cancel requested", job.cancel_requested.then(|| "yes".to_owned())),
        ("kind", Some(job.kind.clone())),
        ("tenant", Some(job.tenant.clone())),
        ("endpoint", job.endpoint.clone()),
        ("group", job.group.clone()),
        ("schedule", job.schedule.clone()),
        ("event id", Some(job.event_id.clone())),
        ("idempotency key", job.idempotency_key.clone()),
        ("attempts", Some(format!("{} of {}", job.attempts, job.max_attempts))),
        ("created", Some(shown(&job.created_at))),
        ("started", job.started_at.as_deref().map(shown)),
        ("next attempt", job.next_attempt_at.as_deref().map(shown)),
        ("completion due", job.completion_due_at.as_deref().map(shown)),
        ("deadline", job.deadline_at.as_deref().map(shown)),
        ("finished", job.finished_at.as_deref().map(shown)),
        ("error", error.map(|error| format!("{}: {}", error.class, error.message))),
        ("dead because", job.dead_reason.map(|reason| reason.name().to_owned())),
        ("replay of", job.replay_of.clone()),
        ("replayed by", job.replayed_by.clone()),
        ("result", json(&job.result)),
        ("metadata", json(&job.metadata)),
        ("payload", json(&job.payload)),
        ("payload bytes", job.payload_bytes.map(|bytes| bytes.to_string())),
    ]
}

/// Returns the seconds for which the next request waits.
pub(crate) fn wait_seconds(deadline: Deadline) -> u64 {
    // The last second counts as one.
    let seconds = deadline.left().as_millis().div_ceil(1_000).min(u128::from(WAIT_SECONDS_MAX));
    u64::try_from(seconds).unwrap_or(WAIT_SECONDS_MAX)
}

/// Waits for one job and shows it. The exit code is 0 only if it succeeded.
fn wait(context: &Context, id: &str, deadline: Deadline) -> Result<u8, Failure> {
    loop {
        let job = repeat(|| context.client().job(id, Some(wait_seconds(deadline))))?;
        if job.value.state.is_terminal() {
            show(context, &job)?;
            return Ok(if job.value.state == State::Succeeded { DONE } else { REFUSED });
        }
        if deadline.left().is_zero() {
            let state = job.value.state.name();
            let next = shown_or_dash(job.value.next_attempt_at.as_deref());
            show(context, &job)?;
            return Err(Failure::NotMet(format!("{id} is still `{state}` after the timeout; next attempt: {next}")));
        }
    }
}
