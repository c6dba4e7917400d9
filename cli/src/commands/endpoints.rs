//! `longshore endpoints`: shows and changes endpoints and their signing secrets.

use clap::Subcommand;
use longshore_client::{Answer, Endpoint, Request, Secrets};
use serde_json::json;

use crate::commands::filter::ListSize;
use crate::context::Context;
use crate::failure::{DONE, Failure};
use crate::input::read_json;
use crate::output::Field;
use crate::times::{shown, shown_or_dash};

/// Commands on endpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists endpoints by name.
    List {
        #[command(flatten)]
        size: ListSize,
    },
    /// Shows an endpoint.
    Show {
        /// Name of the endpoint.
        name: String,
    },
    /// Creates or replaces an endpoint. A field that the body omits gets its default.
    Put {
        /// Name of the endpoint.
        name: String,
        /// URL of the receiver, for an endpoint with all other fields at their defaults.
        #[arg(long, value_name = "URL", conflicts_with = "data", required_unless_present = "data")]
        url: Option<String>,
        /// Body as JSON, `@FILE`, or `-` for standard input.
        #[arg(short, long, value_name = "BODY")]
        data: Option<String>,
    },
    /// Pauses an endpoint: its jobs are held.
    Pause {
        /// Name of the endpoint.
        name: String,
    },
    /// Resumes an endpoint: its held jobs run.
    Resume {
        /// Name of the endpoint.
        name: String,
    },
    /// Deletes an endpoint. Open jobs that name it become dead letters.
    Delete {
        /// Name of the endpoint.
        name: String,
    },
    /// Shows the signing secrets of an endpoint, or without a name those of jobs to a bare URL.
    Secret {
        /// Name of the endpoint.
        name: Option<String>,
    },
    /// Creates a new signing secret. Both secrets sign for 24 hours.
    Rotate {
        /// Name of the endpoint.
        name: String,
    },
}

/// Runs a command on endpoints.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    let to_change = |verb: &str, name: &str| context.client_to_change(&format!("{verb} the endpoint {name}"));
    match command {
        Command::List { size } => {
            let request = Request::new("GET", &["v1", "endpoints"]);
            let endpoints = context.client().list::<Endpoint>(&request, size.limit())?;
            context.output.list(&endpoints, &HEADER, row).map(|()| DONE)
        }
        Command::Show { name } => show(context, &context.client().endpoint(name)?),
        Command::Put { name, url, data } => {
            let body = match (url, data) {
                (Some(url), _) => json!({ "url": url }).to_string(),
                (None, data) => read_json(data.as_deref().unwrap_or_default())?.get().to_owned(),
            };
            show(context, &to_change("put", name)?.put_endpoint(name, body.into_bytes())?)
        }
        Command::Pause { name } => show(context, &to_change("pause", name)?.pause_endpoint(name)?),
        Command::Resume { name } => show(context, &to_change("resume", name)?.resume_endpoint(name)?),
        Command::Delete { name } => {
            to_change("delete", name)?.delete_endpoint(name)?;
            context.output.done(&format!("The endpoint {name} is deleted.")).map(|()| DONE)
        }
        Command::Secret { name } => show_secrets(context, &context.client().secrets(name.as_deref())?),
        Command::Rotate { name } => {
            show_secrets(context, &to_change("rotate the secret of", name)?.rotate_secret(name)?)
        }
    }
}

const HEADER: [&str; 6] = ["NAME", "STATE", "TARGET", "MAX ATTEMPTS", "FAILING SINCE", "LAST SUCCESS"];

fn state(endpoint: &Endpoint) -> String {
    let reason = endpoint.paused_reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    format!("{}{reason}", endpoint.state)
}

fn target(endpoint: &Endpoint) -> String {
    endpoint.url.clone().or_else(|| endpoint.service.clone()).unwrap_or_default()
}

fn row(endpoint: &Endpoint) -> Vec<String> {
    vec![
        endpoint.id.clone(),
        state(endpoint),
        target(endpoint),
        endpoint.max_attempts.to_string(),
        shown_or_dash(endpoint.failing_since.as_deref()),
        shown_or_dash(endpoint.last_success_at.as_deref()),
    ]
}

fn show(context: &Context, endpoint: &Answer<Endpoint>) -> Result<u8, Failure> {
    let fields = |endpoint: &Endpoint| -> Vec<Field> {
        vec![
            ("name", Some(endpoint.id.clone())),
            ("state", Some(state(endpoint))),
            ("target", Some(target(endpoint))),
            ("tenant", Some(endpoint.tenant.clone())),
            ("retry schedule", Some(endpoint.schedule.clone())),
            ("max attempts", Some(endpoint.max_attempts.to_string())),
            ("timeout", Some(format!("{} s", endpoint.timeout_seconds))),
            ("connections", Some(endpoint.connections.to_string())),
            ("evidence", Some(endpoint.evidence.clone())),
            ("keeps payloads", Some(if endpoint.keep_payload { "yes" } else { "no" }.to_owned())),
            ("failing since", endpoint.failing_since.as_deref().map(shown)),
            ("last success", endpoint.last_success_at.as_deref().map(shown)),
            ("secret rotated", endpoint.secret_rotated_at.as_deref().map(shown)),
            ("created", Some(shown(&endpoint.created_at))),
            ("updated", Some(shown(&endpoint.updated_at))),
        ]
    };
    context.output.one(endpoint, fields).map(|()| DONE)
}

fn show_secrets(context: &Context, secrets: &Answer<Secrets>) -> Result<u8, Failure> {
    let fields = |secrets: &Secrets| -> Vec<Field> {
        vec![("secret", Some(secrets.secret.clone())), ("previous secret", secrets.previous_secret.clone())]
    };
    context.output.one(secrets, fields).map(|()| DONE)
}
