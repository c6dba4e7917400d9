//! Totals: counters of attempts and jobs by series, and histograms of their times. A series is a tenant, a kind and an
//! endpoint.

use std::collections::BTreeMap;

/// Upper bounds of the buckets of each histogram, in ms. The last bucket has none. A retry schedule may last for days.
pub const BOUNDS_MS: [i64; 19] = [
    10,
    25,
    50,
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    30_000,
    60_000,
    150_000,
    300_000,
    900_000,
    3_600_000,
    10_800_000,
    43_200_000,
    172_800_000,
];

/// Number of buckets of each histogram.
pub const BUCKETS: usize = BOUNDS_MS.len() + 1;

/// Counters by name, as the column `counts` stores them. Missing counters are 0.
pub type Counts = BTreeMap<String, i64>;

/// A counter of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Counter {
    Accepted,
    Succeeded,
    Retried,
    Dead,
    Cancelled,
}

impl Counter {
    /// Every counter.
    pub const ALL: [Counter; 5] =
        [Counter::Accepted, Counter::Succeeded, Counter::Retried, Counter::Dead, Counter::Cancelled];

    /// Returns the name in the column and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Counter::Accepted => "accepted",
            Counter::Succeeded => "succeeded",
            Counter::Retried => "retried",
            Counter::Dead => "dead",
            Counter::Cancelled => "cancelled",
        }
    }
}

/// Name of the counter of attempts that were settled as held because the endpoint's binding is missing.
pub const HELD: &str = "held";

/// Class of attempts that succeeded, beside the classes of errors.
pub const SUCCEEDED_CLASS: &str = "succeeded";

/// Prefix of the counters of attempts by class.
const CLASS: &str = "class:";

/// Returns the name of the counter of attempts that ended with this class.
pub fn class_counter(class: &str) -> String {
    format!("{CLASS}{class}")
}

/// Returns the class of a counter of attempts; `None` for any other counter.
pub fn class_of(counter: &str) -> Option<&str> {
    counter.strip_prefix(CLASS)
}

/// A histogram of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Histogram {
    /// Time from the accept of a job, or its scheduled time, to the claim of its first attempt.
    Start,
    /// Duration of an attempt.
    Attempt,
    /// Time from the accept of a job, or its scheduled time, to its success.
    Success,
}

impl Histogram {
    /// Every histogram.
    pub const ALL: [Histogram; 3] = [Histogram::Start, Histogram::Attempt, Histogram::Success];

    /// Returns the name in the column.
    pub fn name(self) -> &'static str {
        match self {
            Histogram::Start => "start",
            Histogram::Attempt => "attempt",
            Histogram::Success => "success",
        }
    }

    /// Returns the name of the counter of a bucket.
    fn bucket(self, bucket: usize) -> String {
        format!("{}:{bucket}", self.name())
    }

    /// Returns the name of the counter that adds up the times, in ms.
    pub fn sum(self) -> String {
        format!("{}_ms", self.name())
    }

    /// Returns the name of the counter of the bucket of one time.
    pub fn bucket_of(self, ms: i64) -> String {
        self.bucket(BOUNDS_MS.iter().take_while(|bound| ms > **bound).count())
    }

    /// Reads the buckets from counters. They are not cumulative.
    pub fn buckets(self, counts: &Counts) -> [i64; BUCKETS] {
        std::array::from_fn(|bucket| counts.get(&self.bucket(bucket)).copied().unwrap_or(0))
    }

    /// Reads the sum of the times from counters, in ms.
    pub fn sum_ms(self, counts: &Counts) -> i64 {
        counts.get(&self.sum()).copied().unwrap_or(0)
    }
}

/// Returns the upper bound in ms of the bucket that holds this percentile; `None` if nothing was counted, or if the bucket
/// has no bound.
pub fn percentile_ms(buckets: &[i64; BUCKETS], percent: i64) -> Option<i64> {
    let count: i64 = buckets.iter().sum();
    // The smallest rank that covers the share, counted from 1.
    let rank = (count * percent + 99) / 100;
    let mut seen = 0;
    let bucket = buckets.iter().position(|jobs| {
        seen += jobs;
        count > 0 && seen >= rank
    })?;
    BOUNDS_MS.get(bucket).copied()
}

/// Waiting times of a job that an attempt ends, in ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// Time until its first attempt; `None` if a later one ends.
    pub start_ms: Option<i64>,
    /// Time until the end of this attempt, for a job that succeeds.
    pub success_ms: Option<i64>,
}

impl Waits {
    /// Returns the waits of a job that was due at `due_at`, whose attempt was claimed at `started_at` and ended at
    /// `ended_at`. The clocks of two Workers may differ by a few ms, so a wait may be counted as 0.
    pub fn of(attempt: u32, due_at: i64, started_at: i64, ended_at: i64) -> Waits {
        Waits { start_ms: (attempt == 1).then_some(started_at - due_at), success_ms: Some(ended_at - due_at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(times: &[i64]) -> Counts {
        let mut counts = Counts::new();
        for ms in times {
            *counts.entry(Histogram::Start.bucket_of(*ms)).or_default() += 1;
            *counts.entry(Histogram::Start.sum()).or_default() += ms;
        }
        counts
    }

    #[test]
    fn a_time_is_in_the_first_bucket_that_covers_it() {
        for (ms, bucket) in [(-5, 0), (0, 0), (10, 0), (11, 1), (25, 1), (172_800_000, 18), (172_800_001, 19)] {
            let buckets = Histogram::Start.buckets(&counted(&[ms]));
            assert_eq!(buckets.iter().position(|jobs| *jobs == 1), Some(bucket), "{ms}");
        }
        assert!(BOUNDS_MS.is_sorted() && BUCKETS == 20);
        assert_eq!(Histogram::Start.sum_ms(&counted(&[5, 20])), 25);
    }

    #[test]
    fn a_percentile_is_the_bound_of_its_bucket() {
        let of = |times: &[i64], percent| percentile_ms(&Histogram::Start.buckets(&counted(times)), percent);
        assert_eq!(of(&[], 50), None);
        assert_eq!([50, 95, 99].map(|percent| of(&[7], percent)), [Some(10); 3]);
        let mut hundred = vec![20; 95];
        hundred.extend([400, 400, 400, 400, 9_000]);
        assert_eq!(
            [50, 95, 96, 99, 100].map(|percent| of(&hundred, percent)),
            [Some(25), Some(25), Some(500), Some(500), Some(10_000)]
        );
        assert_eq!(of(&[1, 1, 999_999_999], 99), None, "the last bucket has no bound");
    }
}
