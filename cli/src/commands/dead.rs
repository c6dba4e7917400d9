//! `longshore dead`: lists, shows, replays and discards dead letters.

use clap::Subcommand;
use longshore::model::state::DeadReason;
use longshore_client::{Answer, DeadLetter, Request};

use crate::commands::each::{change, for_each};
use crate::commands::filter::{Filter, ListSize};
use crate::commands::jobs::show as show_job;
use crate::context::Context;
use crate::failure::{DONE, Failure};
use crate::input::read_json;
use crate::output::Field;
use crate::times::{shown, shown_or_dash};

/// Commands on dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists open dead letters, the newest first.
    List {
        #[command(flatten)]
        filter: Box<Filter>,
        #[command(flatten)]
        size: ListSize,
    },
    /// Shows a dead letter.
    Show {
        /// Ids of the dead jobs.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
    },
    /// Sends dead letters once more, each as a new job.
    Replay {
        /// Ids of the dead jobs.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
        /// Edited payload as JSON, `@FILE`, or `-` for standard input.
        #[arg(long, value_name = "JSON")]
        payload: Option<String>,
    },
    /// Discards dead letters: their jobs are not sent again.
    Discard {
        /// Ids of the dead jobs.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
        /// Note for people, such as the reason.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}

/// Runs a command on dead letters.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::List { filter, size } => {
            let request = filter.narrow(Request::new("GET", &["v1", "dead-letters"]));
            let letters = context.client().list::<DeadLetter>(&request, size.limit())?;
            context.output.list(&letters, &HEADER, row).map(|()| DONE)
        }
        Command::Show { jobs } => for_each(jobs, |id| show(context, &context.client().dead_letter(id)?)),
        Command::Replay { jobs, payload } => {
            let payload = payload.as_deref().map(read_json).transpose()?;
            let client = context.client_to_change(&change("replay", jobs, "jobs"))?;
            for_each(jobs, |id| show_job(context, &client.replay(id, payload.as_deref())?))
        }
        Command::Discard { jobs, note } => {
            let client = context.client_to_change(&change("discard", jobs, "jobs"))?;
            for_each(jobs, |id| show(context, &client.discard(id, note.as_deref())?))
        }
    }
}

const HEADER: [&str; 6] = ["ID", "DIED", "EXPIRES", "ATTEMPTS", "CAUSE", "ERROR"];

fn row(letter: &DeadLetter) -> Vec<String> {
    vec![
        letter.id.clone(),
        shown_or_dash(letter.died_at.as_deref()),
        shown_or_dash(letter.expires_at.as_deref()),
        letter.attempts.to_string(),
        letter.cause.clone().unwrap_or_else(|| "-".to_owned()),
        letter.error.as_ref().map_or_else(|| "-".to_owned(), |error| error.message.clone()),
    ]
}

fn show(context: &Context, letter: &Answer<DeadLetter>) -> Result<u8, Failure> {
    context.output.one(letter, fields).map(|()| DONE)
}

fn fields(letter: &DeadLetter) -> Vec<Field> {
    vec![
        ("id", Some(letter.id.clone())),
        ("state", serde_json::to_value(letter.state).ok().and_then(|state| state.as_str().map(str::to_owned))),
        ("reason", letter.reason.map(DeadReason::name).map(str::to_owned)),
        ("error", letter.error.as_ref().map(|error| format!("{}: {}", error.class, error.message))),
        ("caused by", letter.error.as_ref().map(|error| error.fault.clone())),
        ("kind", Some(letter.kind.clone())),
        ("tenant", Some(letter.tenant.clone())),
        ("endpoint", letter.endpoint.clone()),
        ("attempts", Some(letter.attempts.to_string())),
        ("first failed", letter.first_failed_at.as_deref().map(shown)),
        ("died", letter.died_at.as_deref().map(shown)),
        ("expires", letter.expires_at.as_deref().map(shown)),
        ("cause", letter.cause.clone()),
        ("replayed by", letter.replayed_by.clone()),
        ("note", letter.note.clone()),
        ("metadata", letter.metadata.as_ref().map(|json| json.get().to_owned())),
    ]
}
