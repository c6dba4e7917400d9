//! `longshore index`: shows and changes indexes and their documents.

use clap::Subcommand;
use longshore_client::{Answer, Index, IndexVersion, Request};
use serde::Serialize;

use crate::commands::filter::ListSize;
use crate::commands::repeat::repeat;
use crate::context::Context;
use crate::escape::escaped;
use crate::failure::{DONE, Failure, REFUSED, described};
use crate::input::{read_file, read_json};
use crate::output::{Field, note};
use crate::times::shown;

/// Commands on indexes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists indexes by name.
    List {
        #[command(flatten)]
        size: ListSize,
    },
    /// Shows an index with the numbers of its documents.
    Show {
        /// Name of the index.
        name: String,
    },
    /// Creates or changes an index.
    Put {
        /// Name of the index.
        name: String,
        /// Body as JSON, `@FILE`, or `-` for standard input.
        #[arg(short, long, value_name = "BODY")]
        data: String,
    },
    /// Deletes an index and its documents.
    Delete {
        /// Name of the index.
        name: String,
    },
    /// Adds, updates or deletes documents, one a line, in one request. The exit code is 1 if a line was refused.
    Documents {
        /// Name of the index.
        name: String,
        /// File with the lines; `-` is standard input.
        #[arg(default_value = crate::input::STDIN)]
        file: String,
        /// Idempotency key: a repeat with the same lines and the same key stores nothing twice.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
        /// Group of the jobs of the documents.
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
    },
    /// Creates a job that checks an index for inconsistencies.
    Verify {
        /// Name of the index.
        name: String,
        /// Fix what is inconsistent.
        #[arg(long)]
        repair: bool,
    },
}

/// Runs a command on indexes.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    let to_change = |verb: &str, name: &str| context.client_to_change(&format!("{verb} the index {name}"));
    match command {
        Command::List { size } => {
            let request = Request::new("GET", &["v1", "indexes"]);
            let indexes = context.client().list::<Index>(&request, size.limit())?;
            context.output.list(&indexes, &["NAME", "SERVING", "CHUNKS", "BUILDING", "CREATED"], row).map(|()| DONE)
        }
        Command::Show { name } => show(context, &context.client().index(name)?),
        Command::Put { name, data } => {
            let body = read_json(data)?.get().as_bytes().to_vec();
            show(context, &to_change("put", name)?.put_index(name, body)?)
        }
        Command::Delete { name } => {
            to_change("delete", name)?.delete_index(name)?;
            context.output.done(&format!("The index {name} is deleted.")).map(|()| DONE)
        }
        Command::Documents { name, file, idempotency_key, group } => {
            let client = to_change("write documents of", name)?;
            let request = Request::new("POST", &["v1", "indexes", name, "documents"])
                .parameter("group", group.as_ref())
                .idempotency_key(idempotency_key.as_deref())
                .lines(read_file(file)?);
            // Without a key a repeat would store the documents again.
            let answer = match idempotency_key {
                Some(_) => repeat(|| client.send_lines(&request))?,
                None => client.send_lines(&request)?,
            };
            documents(context, &answer)
        }
        Command::Verify { name, repair } => {
            let client = to_change("verify", name)?;
            let job = client.verify_index(name, *repair)?;
            context.output.one(&job, |job| vec![("job", Some(job.id.clone())), ("state", Some(job.state.clone()))])?;
            Ok(DONE)
        }
    }
}

/// Result of documents: the numbers, and the group to wait for.
#[derive(Serialize)]
struct Report<'a> {
    accepted: usize,
    duplicates: usize,
    rejected: usize,
    group: Option<&'a str>,
}

fn documents(context: &Context, answer: &longshore_client::ChunkResult) -> Result<u8, Failure> {
    let output = context.output;
    for result in &answer.results {
        if output.is_ndjson() {
            output.line(result.json.get())?;
        } else if let Some(problem) = &result.value.problem {
            note(escaped(&problem.detail));
        }
    }
    let (tally, group) = (answer.summary.summary, answer.summary.group.as_deref());
    if output.is_table() {
        let group = group.map_or(String::new(), |group| format!("; group {}", escaped(group)));
        let (accepted, duplicates, rejected) = (tally.accepted, tally.duplicates, tally.rejected);
        output.line(format!("{accepted} accepted, {duplicates} duplicates, {rejected} refused{group}"))?;
    } else {
        let (accepted, duplicates, rejected) = (tally.accepted, tally.duplicates, tally.rejected);
        output.value(&Report { accepted, duplicates, rejected, group })?;
    }
    if let Some(problem) = &answer.summary.problem {
        note(format!("longshore: {}", described(problem)));
        return Ok(REFUSED);
    }
    Ok(if tally.rejected == 0 { DONE } else { REFUSED })
}

fn version(version: &IndexVersion) -> String {
    format!("{}/{}", version.provider, version.model)
}

fn chunks(version: &IndexVersion) -> String {
    format!("{} of {}", version.chunks, version.chunks_max)
}

fn row(index: &Index) -> Vec<String> {
    let dash = || "-".to_owned();
    vec![
        index.name.clone(),
        index.serving.as_ref().map_or_else(dash, version),
        index.serving.as_ref().map_or_else(dash, chunks),
        index.building.as_ref().map_or_else(dash, version),
        shown(&index.created_at),
    ]
}

fn show(context: &Context, index: &Answer<Index>) -> Result<u8, Failure> {
    let fields = |index: &Index| -> Vec<Field> {
        vec![
            ("name", Some(index.name.clone())),
            ("tenant", Some(index.tenant.clone())),
            ("documents", index.documents.map(|count| count.to_string())),
            ("lag", index.lag.map(|count| count.to_string())),
            ("serving", index.serving.as_ref().map(version)),
            ("chunks", index.serving.as_ref().map(chunks)),
            ("building", index.building.as_ref().map(version)),
            ("created", Some(shown(&index.created_at))),
        ]
    };
    context.output.one(index, fields).map(|()| DONE)
}
