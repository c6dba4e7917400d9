//! `longshore enqueue`: creates any number of jobs from lines of JSON, and can be resumed.

use std::fs::File;
use std::io::{BufRead, BufReader};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use longshore_client::{BatchResult, ChunkResult, ClientError, Problem, Request, Tally};
use serde::Serialize;

use crate::commands::import::{Chunk, Chunks};
use crate::commands::repeat::repeat;
use crate::context::Context;
use crate::escape::escaped;
use crate::failure::{DONE, Failure, REFUSED};
use crate::input::STDIN;
use crate::output::note;

/// Creates jobs from lines of JSON, one job a line, in the form of `POST /v1/jobs`.
///
/// Lines are sent in chunks of 1,000 lines or 4 MiB. After an interruption run the command again with the same file and
/// the printed key: lines that are stored are counted as duplicates. The exit code is 1 if a line was refused.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// File with the lines; `-` is standard input.
    #[arg(default_value = STDIN)]
    file: String,
    /// Idempotency key of the import; a random one by default. Chunk `n` has the key `KEY-n`, as in the other clients.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Result of an import.
#[derive(Serialize)]
struct Report {
    accepted: usize,
    duplicates: usize,
    rejected: usize,
    idempotency_key: String,
}

/// Result of a line as JSON.
#[derive(Serialize)]
struct Outcome<'a> {
    line: usize,
    status: u16,
    id: Option<&'a str>,
    duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// An import that runs.
struct Import<'a> {
    context: &'a Context,
    key: String,
    bar: ProgressBar,
    total: Tally,
}

/// Imports the lines of a file.
pub(crate) fn run(context: &Context, options: &Options) -> Result<u8, Failure> {
    let failed = |error: std::io::Error| Failure::Usage(format!("{}: {error}", options.file));
    let (source, bytes): (Box<dyn BufRead>, Option<u64>) = if options.file == STDIN {
        (Box::new(std::io::stdin().lock()), None)
    } else {
        let file = File::open(&options.file).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        (Box::new(BufReader::new(file)), Some(bytes))
    };
    let client = context.client_to_change(&format!("enqueue the jobs of {}", options.file))?;
    let key = options.idempotency_key.clone().map_or_else(random_key, Ok)?;
    let mut import = Import { context, key, bar: progress_bar(bytes), total: Tally::default() };
    note(format!("Idempotency key: {}", escaped(&import.key)));
    for chunk in Chunks::new(source) {
        let chunk = chunk.map_err(failed)?;
        let request = import.request(&chunk);
        let sent = repeat(|| client.send_lines(&request)).map_err(Failure::Client);
        sent.and_then(|result| import.take(&chunk, &result)).inspect_err(|failure| import.stopped(failure))?;
        import.bar.inc(u64::try_from(chunk.body.len()).unwrap_or_default());
    }
    import.bar.finish_and_clear();
    import.report()
}

impl Import<'_> {
    fn request(&self, chunk: &Chunk) -> Request {
        let key = format!("{}-{}", self.key, chunk.number);
        Request::new("POST", &["v1", "jobs", "batch"]).lines(chunk.body.clone()).idempotency_key(Some(&key))
    }

    /// Counts the results of a chunk and shows them.
    fn take(&mut self, chunk: &Chunk, answer: &ChunkResult) -> Result<(), Failure> {
        let summary = &answer.summary;
        self.total.accepted += summary.summary.accepted;
        self.total.duplicates += summary.summary.duplicates;
        self.total.rejected += summary.summary.rejected;
        answer.results.iter().try_for_each(|result| self.show(chunk, &result.value))?;
        match &summary.problem {
            // Lines after a problem were not read.
            Some(problem) => Err(Failure::Client(ClientError::Refused(Box::new(problem.clone())))),
            None => Ok(()),
        }
    }

    fn show(&self, chunk: &Chunk, result: &BatchResult) -> Result<(), Failure> {
        let line = chunk.numbers.get(result.index).copied().unwrap_or_default();
        let detail = result.problem.as_ref().map(|problem| own_detail(problem, result.index));
        if self.context.output.is_ndjson() {
            let (status, id, duplicate) = (result.status, result.id.as_deref(), result.duplicate);
            return self.context.output.value(&Outcome { line, status, id, duplicate, detail });
        }
        if let Some(detail) = detail {
            self.bar.suspend(|| note(format!("line {line}: {} {}", result.status, escaped(detail))));
        }
        Ok(())
    }

    /// Reports the end of an interrupted import, with the way to resume it.
    fn stopped(&self, failure: &Failure) {
        self.bar.finish_and_clear();
        if !matches!(failure, Failure::OutputClosed) {
            let Tally { accepted, duplicates, rejected } = self.total;
            note(format!("Stopped after {accepted} accepted, {duplicates} duplicates, {rejected} refused."));
            note(format!("To resume, run it again with the same lines and --idempotency-key {}", escaped(&self.key)));
        }
    }

    fn report(&self) -> Result<u8, Failure> {
        let Tally { accepted, duplicates, rejected } = self.total;
        if self.context.output.is_table() {
            let text = format!("{accepted} accepted, {duplicates} duplicates, {rejected} refused");
            self.context.output.line(text)?;
        } else {
            let idempotency_key = self.key.clone();
            self.context.output.value(&Report { accepted, duplicates, rejected, idempotency_key })?;
        }
        Ok(if rejected == 0 { DONE } else { REFUSED })
    }
}

/// Returns the detail of a line without its number in the chunk, which is not its number in the file.
fn own_detail(problem: &Problem, index: usize) -> &str {
    problem.detail.strip_prefix(&format!("Line {}: ", index + 1)).unwrap_or(&problem.detail)
}

/// Creates a progress bar on standard error; it is hidden without a terminal.
fn progress_bar(bytes: Option<u64>) -> ProgressBar {
    let template = "{bytes} of {total_bytes} [{bar:40}] {bytes_per_sec}, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    match bytes {
        Some(bytes) => ProgressBar::new(bytes).with_style(style),
        None => ProgressBar::no_length(),
    }
}

/// Creates the key of an import that nobody named.
fn random_key() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Failure::NotMet(format!("the system has no random bytes: {error}")))?;
    Ok(format!("enqueue-{:016x}", u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_line_in_its_chunk_is_not_shown() {
        let problem = |detail: &str| Problem { detail: detail.to_owned(), ..Problem::default() };
        assert_eq!(own_detail(&problem("Line 3: no"), 2), "no");
        assert_eq!(own_detail(&problem("Line 4: no"), 2), "Line 4: no");
    }

    #[test]
    fn each_import_has_another_key() {
        assert_ne!(random_key().unwrap(), random_key().unwrap());
    }
}
