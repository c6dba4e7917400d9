//! `longshore causes`: what failed jobs have in common, and what is dealt with.

use clap::Subcommand;
use longshore::limits::IGNORE_SECONDS_MAX;
use longshore::manage::causes::CauseState;
use longshore_client::{Answer, Cause, Counted, Request};

use crate::commands::each::{change, for_each};
use crate::commands::filter::{ListSize, word};
use crate::context::Context;
use crate::failure::{DONE, Failure};
use crate::output::Field;
use crate::times::{shown, shown_or_dash};

/// Commands on causes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists open causes that hold up jobs, the newest first.
    List {
        /// State of the causes: `open`, also without jobs, `resolved` or `ignored`.
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<String>,
        /// Kind of the jobs.
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// Endpoint of the jobs.
        #[arg(long, value_name = "NAME")]
        endpoint: Option<String>,
        /// Time after which the causes were last seen, such as `2026-11-02T08:00:00Z`.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        #[command(flatten)]
        size: ListSize,
    },
    /// Shows causes.
    Show {
        /// Ids of the causes.
        #[arg(required = true, value_name = "CAUSE")]
        causes: Vec<String>,
    },
    /// Says that causes are dealt with; they open again when they are seen again.
    Resolve {
        /// Ids of the causes.
        #[arg(required = true, value_name = "CAUSE")]
        causes: Vec<String>,
    },
    /// Sets causes aside for a time.
    Ignore {
        /// Ids of the causes.
        #[arg(required = true, value_name = "CAUSE")]
        causes: Vec<String>,
        /// Time in seconds.
        #[arg(long = "for", value_name = "SECONDS", default_value_t = 3_600,
            value_parser = clap::value_parser!(u32).range(1..=i64::from(IGNORE_SECONDS_MAX)))]
        seconds: u32,
    },
    /// Opens causes again.
    Reopen {
        /// Ids of the causes.
        #[arg(required = true, value_name = "CAUSE")]
        causes: Vec<String>,
    },
}

fn state(text: &str) -> Result<String, String> {
    word(text, &CauseState::ALL.map(CauseState::name))
}

/// Runs a command on causes.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::List { state, kind, endpoint, since, size } => {
            let request = Request::new("GET", &["v1", "causes"])
                .parameter("state", state.as_ref())
                .parameter("kind", kind.as_ref())
                .parameter("endpoint", endpoint.as_ref())
                .parameter("since", since.as_ref());
            let causes = context.client().list::<Cause>(&request, size.limit())?;
            context.output.list(&causes, &HEADER, row).map(|()| DONE)
        }
        Command::Show { causes } => for_each(causes, |id| show(context, &context.client().cause(id)?)),
        Command::Resolve { causes } => {
            let client = context.client_to_change(&change("resolve", causes, "causes"))?;
            for_each(causes, |id| show(context, &client.resolve_cause(id)?))
        }
        Command::Ignore { causes, seconds } => {
            let client = context.client_to_change(&change("ignore", causes, "causes"))?;
            for_each(causes, |id| show(context, &client.ignore_cause(id, *seconds)?))
        }
        Command::Reopen { causes } => {
            let client = context.client_to_change(&change("reopen", causes, "causes"))?;
            for_each(causes, |id| show(context, &client.reopen_cause(id)?))
        }
    }
}

const HEADER: [&str; 7] = ["ID", "WHERE", "WHAT", "WAITING", "DEAD", "NEXT DIES", "LAST SEEN"];

fn row(cause: &Cause) -> Vec<String> {
    let waiting = Counted {
        count: cause.retrying.count + cause.held.count,
        at_least: cause.retrying.at_least || cause.held.at_least,
    };
    vec![
        cause.id.clone(),
        place(cause),
        what(cause),
        counted(&waiting),
        counted(&cause.dead),
        shown_or_dash(cause.next_dies_at.as_deref()),
        shown(&cause.last_seen_at),
    ]
}

/// Names the endpoint, the host, or the kind of the jobs.
fn place(cause: &Cause) -> String {
    [&cause.endpoint, &cause.host, &cause.kind].into_iter().flatten().next().cloned().unwrap_or_else(|| "-".to_owned())
}

/// Says what happened: the status and the text, or the class if there is no text.
fn what(cause: &Cause) -> String {
    let text = Some(cause.text.clone()).filter(|text| !text.is_empty()).or_else(|| cause.class.clone());
    let parts: Vec<_> = cause.status.map(|status| status.to_string()).into_iter().chain(text).collect();
    parts.join(" ")
}

pub(crate) fn counted(counted: &Counted) -> String {
    if counted.at_least { format!("over {}", counted.count) } else { counted.count.to_string() }
}

fn show(context: &Context, cause: &Answer<Cause>) -> Result<u8, Failure> {
    context.output.one(cause, fields).map(|()| DONE)
}

fn fields(cause: &Cause) -> Vec<Field> {
    vec![
        ("id", Some(cause.id.clone())),
        ("state", Some(cause.state.name().to_owned())),
        ("ignored until", cause.ignored_until.as_deref().map(shown)),
        ("came back", cause.came_back_at.as_deref().map(shown)),
        ("what", Some(what(cause))),
        ("class", cause.class.clone()),
        ("caused by", cause.fault.clone()),
        ("kind", cause.kind.clone()),
        ("tenant", Some(cause.tenant.clone())),
        ("endpoint", cause.endpoint.clone()),
        ("host", cause.host.clone()),
        ("first seen", Some(shown(&cause.first_seen_at))),
        ("last seen", Some(shown(&cause.last_seen_at))),
        ("endpoint succeeded", cause.endpoint_succeeded_at.as_deref().map(shown)),
        ("retrying", Some(counted(&cause.retrying))),
        ("held", Some(counted(&cause.held))),
        ("dead", Some(counted(&cause.dead))),
        ("next dies", cause.next_dies_at.as_deref().map(shown)),
        ("sample job", cause.sample_job.clone()),
    ]
}
