//! `longshore tail`: prints jobs when they appear and when they change.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use longshore_client::{Answer, ClientError, Job, Listed};

use crate::commands::filter::JobFilter;
use crate::context::Context;
use crate::escape::escaped;
use crate::failure::{DONE, Failure};
use crate::output::note;
use crate::times::Deadline;

/// Number of the newest jobs that are watched: one page of the list.
const WATCHED: usize = 100;

/// Prints new jobs, and jobs whose state or number of attempts changes, until Ctrl-C.
///
/// It reads the list of the newest 100 jobs again and again, so it does not see changes of older ones.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    filter: JobFilter,
    /// Seconds after which it ends.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Seconds between two reads.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
}

/// Jobs that were seen, with the state and attempts that were printed.
type Seen = HashMap<String, (String, u32)>;

/// Prints jobs until the time is over.
pub(crate) fn run(context: &Context, options: &Options) -> Result<u8, Failure> {
    let deadline = options.seconds.map(Deadline::after);
    let request = options.filter.request();
    let mut seen: Option<Seen> = None;
    loop {
        match context.client().list::<Job>(&request, WATCHED) {
            Ok(listed) => {
                // The jobs of the first read are not new.
                let is_first = seen.is_none();
                for job in changed(&listed, seen.get_or_insert_default()) {
                    if !is_first {
                        print(context, job)?;
                    }
                }
            }
            // An interruption after a first answer is expected to end.
            Err(error) if seen.is_some() && is_interruption(&error) => note(escaped(&error.to_string())),
            Err(error) => return Err(error.into()),
        }
        let every = Duration::from_secs(options.every);
        let left = deadline.map_or(every, |deadline| deadline.left().min(every));
        if left.is_zero() {
            return Ok(DONE);
        }
        std::thread::sleep(left);
    }
}

fn is_interruption(error: &ClientError) -> bool {
    error.is_temporary() || error.problem().is_some_and(|problem| problem.status >= 500)
}

/// Returns the jobs that are new or have changed, the oldest first, and remembers them.
fn changed<'a>(listed: &'a Listed<Job>, seen: &mut Seen) -> Vec<&'a Answer<Job>> {
    let now: Seen = listed
        .items
        .iter()
        .map(|job| (job.value.id.clone(), (job.value.state.name().to_owned(), job.value.attempts)))
        .collect();
    let is_changed = |job: &&Answer<Job>| seen.get(&job.value.id) != now.get(&job.value.id);
    let changed = listed.items.iter().rev().filter(is_changed).collect();
    *seen = now;
    changed
}

fn print(context: &Context, job: &Answer<Job>) -> Result<(), Failure> {
    if !context.output.is_table() {
        return context.output.line(job.json.get());
    }
    let job = &job.value;
    let target = job.endpoint.as_ref().map_or(String::new(), |name| format!(" to {}", escaped(name)));
    let error = job.error.as_ref().filter(|_| job.state.name() != "succeeded");
    let error =
        error.map_or(String::new(), |error| format!("  {}: {}", escaped(&error.class), escaped(&error.message)));
    let at = job.finished_at.as_ref().or(job.started_at.as_ref()).unwrap_or(&job.created_at);
    let (attempts, state) = (job.attempts, job.state.name());
    let kind = escaped(&job.kind);
    context.output.line(format!(
        "{}  {}  {state:<9}  {kind}{target}, attempt {attempts}{error}",
        escaped(at),
        escaped(&job.id)
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(jobs: &[(&str, &str, u32)]) -> Listed<Job> {
        let item = |(id, state, attempts): &(&str, &str, u32)| {
            let job = json!({
                "id": id, "kind": "webhook", "state": state, "tenant": "acme", "created_at": "2026-11-02T08:00:00.000Z",
                "attempts": attempts, "max_attempts": 9, "event_id": id,
            });
            Answer::of(serde_json::value::to_raw_value(&job).unwrap()).unwrap()
        };
        Listed { items: jobs.iter().map(item).collect(), next_cursor: None }
    }

    #[test]
    fn new_and_changed_jobs_are_found_the_oldest_first() {
        let mut seen = Seen::new();
        let mut next = |jobs: &[(&str, &str, u32)]| {
            let listed = listed(jobs);
            changed(&listed, &mut seen).iter().map(|job| job.value.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(next(&[("b", "queued", 0), ("a", "running", 1)]), ["a", "b"]);
        assert!(next(&[("b", "queued", 0), ("a", "running", 1)]).is_empty());
        assert_eq!(next(&[("c", "queued", 0), ("b", "running", 1), ("a", "running", 1)]), ["b", "c"]);
        assert_eq!(next(&[("c", "queued", 0), ("b", "running", 2)]), ["b"], "a second attempt is a change");
    }
}
