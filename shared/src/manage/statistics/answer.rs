//! Statistics as the API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::SnapshotRow;
use super::request::{By, MINUTE_MS, Range, Step};
use crate::model::totals::{Counter, Counts, Histogram, class_of, percentile_ms};
use crate::wire::time::Time;

/// Counts and times of the jobs of a tenant, or of all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Statistics {
    /// Start of the first step.
    pub from: Time,
    /// End of the last step.
    pub to: Time,
    /// Length of a step.
    pub step: Step,
    /// Kind or endpoint: the difference between the series.
    pub by: By,
    /// True, because a percentile is the upper bound of the bucket that holds it.
    pub by_bucket: bool,
    /// One series for each kind or endpoint with jobs in the range.
    pub series: Vec<Series>,
}

/// Points of one kind or endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Series {
    /// Kind of the jobs; null for a series of an endpoint.
    pub kind: Option<String>,
    /// Endpoint of the jobs: empty for bare URLs, and `:other` for endpoints that were deleted; null for a series of a kind.
    pub endpoint: Option<String>,
    /// Steps in which something happened, the oldest first.
    pub points: Vec<Point>,
}

/// Counts and times of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Point {
    /// Start of the step.
    pub at: Time,
    /// Jobs that were accepted. They are counted when the watermark passes them, about a minute later.
    pub accepted: i64,
    /// Jobs that succeeded.
    pub succeeded: i64,
    /// Attempts after which the job waits for another one.
    pub retried: i64,
    /// Jobs that became dead letters.
    pub dead: i64,
    /// Jobs that were cancelled.
    pub cancelled: i64,
    /// Attempts that ended, by the class of their error; `succeeded` for those without an error.
    pub attempts: BTreeMap<String, i64>,
    /// Time from the accept, or from the time for which the job was scheduled, to its first attempt.
    pub start: Times,
    /// Duration of the attempts.
    pub attempt: Times,
    /// Time from the accept, or from the time for which the job was scheduled, to the success.
    pub success: Times,
}

/// Times of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Times {
    /// Number of times.
    pub count: i64,
    /// Mean in ms; null without times.
    pub mean_ms: Option<i64>,
    /// Upper bound in ms of the bucket that holds the median; null without times, and above 48 hours.
    pub p50_ms: Option<i64>,
    /// Upper bound in ms of the bucket that holds the 95th percentile.
    pub p95_ms: Option<i64>,
    /// Upper bound in ms of the bucket that holds the 99th percentile.
    pub p99_ms: Option<i64>,
}

impl Times {
    fn of(histogram: Histogram, counts: &Counts) -> Times {
        let buckets = histogram.buckets(counts);
        let count: i64 = buckets.iter().sum();
        let [p50_ms, p95_ms, p99_ms] = [50, 95, 99].map(|percent| percentile_ms(&buckets, percent));
        Times { count, mean_ms: histogram.sum_ms(counts).checked_div(count), p50_ms, p95_ms, p99_ms }
    }
}

impl Point {
    fn of(at: Time, counts: &Counts) -> Point {
        let of = |counter: Counter| counts.get(counter.name()).copied().unwrap_or(0);
        let class = |(name, number): (&String, &i64)| {
            class_of(name).filter(|_| *number > 0).map(|class| (class.to_owned(), *number))
        };
        Point {
            at,
            accepted: of(Counter::Accepted),
            succeeded: of(Counter::Succeeded),
            retried: of(Counter::Retried),
            dead: of(Counter::Dead),
            cancelled: of(Counter::Cancelled),
            attempts: counts.iter().filter_map(class).collect(),
            start: Times::of(Histogram::Start, counts),
            attempt: Times::of(Histogram::Attempt, counts),
            success: Times::of(Histogram::Success, counts),
        }
    }
}

/// Returns what was added between two totals. Counters that an erasure or a restore has lowered count as 0.
fn difference(later: &Counts, earlier: &Counts) -> Counts {
    let added = |(name, number): (&String, &i64)| (name.clone(), (number - earlier.get(name).unwrap_or(&0)).max(0));
    later.iter().map(added).filter(|(_, number)| *number > 0).collect()
}

impl Statistics {
    /// Adds up the differences of each series by kind or endpoint. The rows are those of `read_snapshots.sql`, in its order.
    pub(crate) fn of(range: &Range, rows: Vec<SnapshotRow>) -> Statistics {
        let mut groups: BTreeMap<String, BTreeMap<usize, Counts>> = BTreeMap::new();
        let mut previous: Option<SnapshotRow> = None;
        for row in rows {
            let is_same = |earlier: &&SnapshotRow| {
                (&earlier.tenant, &earlier.kind, &earlier.endpoint) == (&row.tenant, &row.kind, &row.endpoint)
                    && earlier.number < row.number
            };
            let none = Counts::new();
            let earlier = previous.as_ref().filter(is_same).map_or(&none, |earlier| &earlier.counts);
            // The totals at the first minute are where the first point begins.
            if let Some(point) = row.number.checked_sub(1) {
                let name = if range.by == By::Kind { &row.kind } else { &row.shown };
                let counts = groups.entry(name.clone()).or_default().entry(point).or_default();
                for (name, number) in difference(&row.counts, earlier) {
                    *counts.entry(name).or_default() += number;
                }
            }
            previous = Some(row);
        }
        let minutes = range.minutes();
        let point = |(number, counts): (&usize, &Counts)| {
            minutes.get(*number).map(|minute| Point::of(Time(minute * MINUTE_MS), counts))
        };
        let series = |(name, points): (String, BTreeMap<usize, Counts>)| {
            let (kind, endpoint) = if range.by == By::Kind { (Some(name), None) } else { (None, Some(name)) };
            Series { kind, endpoint, points: points.iter().filter_map(point).collect() }
        };
        Statistics {
            from: Time(range.from * MINUTE_MS),
            to: Time(range.to * MINUTE_MS),
            step: range.step,
            by: range.by,
            by_bucket: true,
            series: groups.into_iter().map(series).collect(),
        }
    }
}
