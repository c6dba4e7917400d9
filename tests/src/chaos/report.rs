//! Results of a run, as a table.

use std::fmt;
use std::time::Duration;

use super::Plan;
use super::audit::{broken, recoveries};
use super::book::Book;
use super::killer::{Kill, by_point, name};
use super::replay::Replayed;
use super::witness::Witness;

/// Most violations that are printed; one bug can cause thousands.
const SHOWN: usize = 20;

/// Number of kills from which a run must reach its rate.
const RATED_KILLS: usize = 20;

/// Totals of a run.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    /// Kills by the name of their point.
    pub kills: Vec<(&'static str, usize)>,
    /// All violations, one line each.
    pub broken: Vec<String>,
    jobs: usize,
    by_state: [(&'static str, usize); 3],
    requests: usize,
    repeats: usize,
    unknown: usize,
    sent_again: usize,
    recoveries: Vec<i64>,
    lasted: Duration,
    drained: Duration,
    replayed: Replayed,
}

impl Report {
    /// Counts and checks. `lasted` is how long jobs were accepted, `drained` how long the rest took to end.
    pub(super) fn of(plan: &Plan, book: &Book, kills: &[Kill], witness: &Witness, times: [Duration; 2]) -> Self {
        let [lasted, drained] = times;
        let count =
            |wanted: &dyn Fn(&super::witness::Row) -> bool| witness.rows.iter().filter(|row| wanted(row)).count();
        let requests = witness.received.len();
        let entries = witness.rows.iter().flat_map(|row| &row.log);
        let mut ids: Vec<_> = witness.received.iter().map(|line| &line.webhook_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut report = Self {
            plan: plan.clone(),
            kills: by_point(kills).into_iter().map(|(point, kills)| (name(point), kills)).collect(),
            broken: broken(book, kills, witness),
            jobs: book.acknowledged.len(),
            by_state: [
                ("succeeded", count(&|row| row.state == "succeeded")),
                ("dead after crash loops", count(&|row| row.reason == "crash_loop")),
                ("dead otherwise", count(&|row| row.state == "dead" && row.reason != "crash_loop")),
            ],
            requests,
            repeats: requests - ids.len(),
            unknown: entries.filter(|entry| entry.state == "outcome_unknown").count(),
            sent_again: book.sent_again,
            recoveries: recoveries(kills, witness),
            lasted,
            drained,
            replayed: Replayed::default(),
        };
        report.judge();
        report
    }

    /// Adds the replay.
    pub(super) fn with(mut self, mut replayed: Replayed) -> Self {
        self.broken.append(&mut replayed.broken);
        self.replayed = replayed;
        self
    }

    /// Checks what a run must show besides the invariants.
    fn judge(&mut self) {
        let per_second = self.per_second();
        // The rate of a short run among other tests means little.
        if self.plan.kills >= RATED_KILLS && per_second < 50.0 {
            self.broken.push(format!("only {per_second:.1} jobs a second were accepted; the minimum is 50"));
        }
        let Some(most) = self.plan.recovers_within() else {
            return;
        };
        if self.recoveries.is_empty() {
            self.broken.push("no kill hit a running attempt, so the recovery was not measured".to_owned());
        }
        if u128::try_from(self.percentile(99)).unwrap_or_default() > most.as_millis() {
            self.broken.push(format!("the recovery's p99 exceeds {} s", most.as_secs()));
        }
    }

    fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.jobs).unwrap_or(u32::MAX)) / self.lasted.as_secs_f64()
    }

    /// Percentile of the recoveries by nearest rank; 0 if there are none.
    fn percentile(&self, percent: usize) -> i64 {
        let rank = (self.recoveries.len() * percent).div_ceil(100).max(1);
        self.recoveries.get(rank - 1).copied().unwrap_or_default()
    }
}

/// Milliseconds, displayed as seconds.
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000, self.0 % 1_000)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |label: &str, value: &dyn fmt::Display| writeln!(f, "  {label:32} {value:>12}");
        for (point, kills) in &self.kills {
            line(&format!("kills {point}"), kills)?;
        }
        line("jobs acknowledged", &self.jobs)?;
        for (state, jobs) in &self.by_state {
            line(&format!("  {state}"), jobs)?;
        }
        line("requests at the receiver", &self.requests)?;
        line("  of them repeats", &self.repeats)?;
        line("attempts of unknown outcome", &self.unknown)?;
        line("posts repeated", &self.sent_again)?;
        line("recovery p50", &Seconds(self.percentile(50)))?;
        line("recovery p99", &Seconds(self.percentile(99)))?;
        line("recovery max", &Seconds(self.percentile(100)))?;
        line("jobs accepted a second", &format!("{:.1}", self.per_second()))?;
        line("killing took", &format!("{:.1} s", self.lasted.as_secs_f64()))?;
        line("draining took", &format!("{:.1} s", self.drained.as_secs_f64()))?;
        line("dead letters replayed", &self.replayed.jobs)?;
        line("  kills meanwhile", &self.replayed.kills)?;
        line("replaying took", &format!("{:.1} s", self.replayed.took.as_secs_f64()))?;
        line("seed", &self.plan.seed)?;
        for broken in self.broken.iter().take(SHOWN) {
            writeln!(f, "BROKEN {broken}")?;
        }
        match self.broken.len() {
            0 => write!(f, "ok   I1 to I6 and I17 hold"),
            all => write!(f, "FAIL {all} promises are broken"),
        }
    }
}
