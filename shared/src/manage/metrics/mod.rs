//! Metrics for Prometheus, from the totals and the status of the pipeline.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;
pub use text::Format;
use text::{MetricsText, seconds};

use crate::limits::{METRICS_ENDPOINTS_MAX, METRICS_JOBS_COUNTED_MAX, METRICS_KINDS_MAX, METRICS_SERIES_MAX};
use crate::manage::health::{HealthRow, health_statement};
use crate::manage::status::QueueBacklog;
use crate::model::totals::{BOUNDS_MS, Counter, Counts, Histogram, class_of};
use crate::ports::{Clock, Database};
use crate::settings::Settings;
use crate::store::rows::{rows, unavailable};
use crate::store::{batch, json_param, sql, tenants};
use crate::wire::problem::Problem;

/// Name of the kinds and endpoints beyond the limits of labels.
const OTHER: &str = ":other";

/// Totals of a kind, or of a kind and an endpoint.
#[derive(Debug, Clone, Deserialize)]
struct TotalsRow {
    kind: String,
    endpoint: Option<String>,
    counts: Counts,
}

/// Jobs that are dead or wait after a failure, each counted up to a limit and one more.
#[derive(Debug, Clone, Deserialize)]
struct WaitingRow {
    dead: i64,
    held: i64,
    /// Jobs that wait after a failure, and those of them that are retrying.
    failing: (i64, i64),
}

/// Everything that the metrics show.
#[derive(Debug)]
pub struct Metrics {
    health: HealthRow,
    waiting: WaitingRow,
    totals: Vec<TotalsRow>,
    size_bytes: Option<i64>,
}

/// Reads the metrics of a tenant, or of all tenants. It reads each series of the totals once.
///
/// # Errors
/// `Unavailable`.
pub async fn read_metrics<W: Database + Clock>(
    world: &W,
    settings: &Settings,
    tenant: Option<&str>,
    endpoints: bool,
) -> Result<Metrics, Problem> {
    // The totals of erased tenants have the tenant ''.
    let (from, to) = tenants(tenant);
    let waiting = json_param(&json!({"from": from, "to": to, "counted": METRICS_JOBS_COUNTED_MAX}));
    let statements = [
        health_statement(settings),
        sql!("read_waiting", waiting),
        sql!("read_totals", from, to, i64::from(endpoints), METRICS_SERIES_MAX),
    ];
    let answers = batch(world, &statements).await.map_err(|error| unavailable(&error))?;
    let health = rows(answers.first())?.pop().ok_or(Problem::Unavailable)?;
    let waiting = rows(answers.get(1))?.pop().ok_or(Problem::Internal)?;
    let totals = bounded(rows(answers.get(2))?);
    Ok(Metrics { health, waiting, totals, size_bytes: world.size_bytes() })
}

/// Adds up the kinds and the endpoints beyond the limits, so that the number of labels is bounded. The first ones by name keep
/// their labels.
fn bounded(read: Vec<TotalsRow>) -> Vec<TotalsRow> {
    let (mut kinds, mut endpoints) = (BTreeSet::new(), BTreeSet::new());
    let mut kept: BTreeMap<(String, Option<String>), Counts> = BTreeMap::new();
    let label = |known: &mut BTreeSet<String>, name: String, most: usize| {
        if known.len() >= most && !known.contains(&name) {
            return OTHER.to_owned();
        }
        known.insert(name.clone());
        name
    };
    for row in read {
        let kind = label(&mut kinds, row.kind, METRICS_KINDS_MAX);
        let endpoint = row.endpoint.map(|endpoint| label(&mut endpoints, endpoint, METRICS_ENDPOINTS_MAX));
        let counts = kept.entry((kind, endpoint)).or_default();
        for (name, number) in row.counts {
            *counts.entry(name).or_default() += number;
        }
    }
    kept.into_iter().map(|((kind, endpoint), counts)| TotalsRow { kind, endpoint, counts }).collect()
}

impl TotalsRow {
    fn labels<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let endpoint = self.endpoint.as_deref().map(|endpoint| ("endpoint", endpoint));
        [("kind", self.kind.as_str())].into_iter().chain(endpoint).chain(more.iter().copied()).collect()
    }
}

impl Metrics {
    /// Writes the metrics. `queues` are the backlogs of the queues, if the platform reports them.
    pub fn text(&self, settings: &Settings, queues: Option<&[QueueBacklog]>, format: Format) -> String {
        let mut text = MetricsText::new(format);
        self.write_counters(&mut text);
        for (histogram, name, help) in [
            (
                Histogram::Start,
                "longshore_start_seconds",
                "Time from the accept of a job, or its scheduled time, to its first attempt.",
            ),
            (Histogram::Attempt, "longshore_attempt_seconds", "Duration of an attempt."),
            (
                Histogram::Success,
                "longshore_success_seconds",
                "Time from the accept of a job, or its scheduled time, to its success.",
            ),
        ] {
            self.write_histogram(&mut text, histogram, name, help);
        }
        self.write_gauges(&mut text, settings, queues);
        text.end()
    }

    fn write_counters(&self, text: &mut MetricsText) {
        let counters = [
            (Counter::Accepted, "longshore_jobs_accepted", "Jobs accepted, counted about a minute later."),
            (Counter::Succeeded, "longshore_jobs_succeeded", "Jobs that succeeded."),
            (Counter::Retried, "longshore_jobs_retried", "Failed attempts that are followed by another one."),
            (Counter::Dead, "longshore_jobs_dead", "Jobs that became dead letters."),
            (Counter::Cancelled, "longshore_jobs_cancelled", "Jobs that were cancelled."),
        ];
        for (counter, name, help) in counters {
            text.family(name, "counter", help);
            for row in &self.totals {
                let number = row.counts.get(counter.name()).copied().unwrap_or(0);
                text.sample(&format!("{name}_total"), &row.labels(&[]), &number.to_string());
            }
        }
        text.family(
            "longshore_attempts",
            "counter",
            "Attempts that ended, by the class of their error or `succeeded`.",
        );
        for row in &self.totals {
            for (class, number) in row.counts.iter().filter_map(|(name, number)| Some((class_of(name)?, number))) {
                text.sample("longshore_attempts_total", &row.labels(&[("class", class)]), &number.to_string());
            }
        }
    }

    fn write_histogram(&self, text: &mut MetricsText, histogram: Histogram, name: &str, help: &str) {
        text.family(name, "histogram", help);
        for row in &self.totals {
            let mut count = 0;
            for (number, jobs) in histogram.buckets(&row.counts).iter().enumerate() {
                count += jobs;
                let bound = BOUNDS_MS.get(number).map_or("+Inf".to_owned(), |ms| seconds(*ms));
                text.sample(&format!("{name}_bucket"), &row.labels(&[("le", &bound)]), &count.to_string());
            }
            text.sample(&format!("{name}_sum"), &row.labels(&[]), &seconds(histogram.sum_ms(&row.counts)));
            text.sample(&format!("{name}_count"), &row.labels(&[]), &count.to_string());
        }
    }

    fn write_gauges(&self, text: &mut MetricsText, settings: &Settings, queues: Option<&[QueueBacklog]>) {
        let Metrics { health, waiting: WaitingRow { dead, held, failing: (failing, retrying) }, .. } = self;
        text.family("longshore_jobs_waiting", "gauge", "Jobs by state, counted up to a limit of 1,000 each.");
        for (state, number) in [("dead", dead), ("held", held), ("retrying", retrying), ("failing", failing)] {
            text.sample(
                "longshore_jobs_waiting",
                &[("state", state)],
                &number.min(&METRICS_JOBS_COUNTED_MAX).to_string(),
            );
        }
        let age = |at: Option<i64>| at.map(|at| seconds((health.now - at).max(0)));
        let gauges = [
            (
                "longshore_oldest_due_seconds",
                "Time for which the oldest due row has waited for the sweep.",
                Some(age(health.oldest_next_check_at).unwrap_or_else(|| "0".to_owned())),
            ),
            ("longshore_sweep_age_seconds", "Time since the end of the last sweep.", age(health.swept_at)),
            ("longshore_tick_age_seconds", "Time since the last tick of the producer.", age(health.ticked_at)),
            ("longshore_paused", "1 if the whole pipeline is paused.", Some(health.paused.to_string())),
            (
                "longshore_storage_full",
                "1 if the database is too full to accept jobs.",
                Some(health.storage_full.to_string()),
            ),
            (
                "longshore_storage_bytes",
                "Size of the database of jobs.",
                self.size_bytes.map(|bytes| bytes.to_string()),
            ),
            (
                "longshore_storage_limit_bytes",
                "Maximum size of the database of jobs.",
                Some(settings.plan.database_bytes.to_string()),
            ),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                text.family(name, "gauge", help);
                text.sample(name, &[], &value);
            }
        }
        if let Some(queues) = queues {
            text.family("longshore_queue_backlog_messages", "gauge", "Messages that wait in a queue.");
            for queue in queues {
                text.sample("longshore_queue_backlog_messages", &[("queue", queue.queue)], &queue.messages.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded_and_nothing_is_lost() {
        let row = |kind: String, endpoint: String| TotalsRow {
            kind,
            endpoint: Some(endpoint),
            counts: Counts::from([("dead".to_owned(), 1)]),
        };
        let read: Vec<_> = (0..300).map(|n| row(format!("task.{:03}", n % 150), format!("e{n:03}"))).collect();
        let kept = bounded(read);
        let labels = |of: fn(&TotalsRow) -> String| kept.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!(labels(|row| row.kind.clone()), METRICS_KINDS_MAX + 1);
        assert_eq!(labels(|row| row.endpoint.clone().unwrap_or_default()), METRICS_ENDPOINTS_MAX + 1);
        assert_eq!(kept.iter().map(|row| row.counts["dead"]).sum::<i64>(), 300);
    }
}
