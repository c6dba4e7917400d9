//! Waits until all jobs have ended: with a bar on a terminal, with plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Failure;
use super::stage::{Stage, TENANT};

/// Time limit of all jobs. The slowest job needs about ten seconds: two retries after 1 s and 5 s. The rest is for slow
/// machines.
const ENDS_WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Interval between lines of a log in a file.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Number of jobs in each state.
type States = BTreeMap<String, usize>;

/// Waits until `jobs` jobs have ended, and shows the progress.
pub(super) async fn watch(stage: &Stage, jobs: usize) -> Result<(), Failure> {
    let began = Instant::now();
    let mut display = Display::new(jobs);
    loop {
        let states = ask(stage).await?;
        let ended = ended(&states);
        display.show(ended, &states);
        if ended >= jobs {
            display.end(ended, began.elapsed());
            return Ok(());
        }
        if began.elapsed() > ENDS_WITHIN {
            let (seconds, states) = (ENDS_WITHIN.as_secs(), words(&states, |_| true));
            return Err(Failure::Overdue(format!("{ended} of {jobs} jobs ended within {seconds} s; {states}")));
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn ask(stage: &Stage) -> Result<States, Failure> {
    let sql = "SELECT state, count(*) AS jobs FROM jobs WHERE tenant = ?1 GROUP BY state";
    let rows = stage.runner.query(sql, vec![json!(TENANT)]).await?;
    let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok());
    Ok(rows
        .iter()
        .map(|row| {
            let name = row["state"].as_str().unwrap_or_default().to_owned();
            (name, count(&row["jobs"]).unwrap_or_default())
        })
        .collect())
}

fn is_end(state: &str) -> bool {
    ["succeeded", "dead", "cancelled"].contains(&state)
}

fn ended(states: &States) -> usize {
    states.iter().filter(|(state, _)| is_end(state)).map(|(_, jobs)| jobs).sum()
}

fn words(states: &States, shown: impl Fn(&str) -> bool) -> String {
    let words: Vec<_> =
        states.iter().filter(|(state, _)| shown(state)).map(|(state, jobs)| format!("{jobs} {state}")).collect();
    words.join(", ")
}

struct Display {
    bar: Option<ProgressBar>,
    jobs: usize,
    line_at: Instant,
}

impl Display {
    fn new(jobs: usize) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let length = u64::try_from(jobs).unwrap_or(u64::MAX);
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stdout());
            let style = ProgressStyle::with_template("{bar:40} {pos} of {len} jobs ended  {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, jobs, line_at: Instant::now() }
    }

    fn show(&mut self, ended: usize, states: &States) {
        let waiting = words(states, |state| !is_end(state));
        if let Some(bar) = &self.bar {
            bar.set_position(u64::try_from(ended).unwrap_or(u64::MAX));
            bar.set_message(waiting);
        } else if self.line_at.elapsed() >= LINE_EVERY {
            self.line_at = Instant::now();
            println!("  {ended} of {} jobs ended; {waiting}", self.jobs);
        }
    }

    fn end(&self, ended: usize, took: Duration) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        println!("{ended} jobs ended within {:.1} s of the first request", took.as_secs_f64());
    }
}
