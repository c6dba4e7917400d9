//! The totals of a flush: what its attempts add to the counters and histograms of their series.
//!
//! They are counted in the batch that settles the attempts, before the settlement and under the same guard. So a repeated
//! settlement, and one that lost its lease, count nothing. A deferral counts nothing: its completion ends the attempt.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::model::outcome::ErrorClass;
use crate::model::state::State;
use crate::model::totals::{Counter, HELD, Histogram, SUCCEEDED_CLASS, Waits, class_counter};
use crate::ports::Statement;
use crate::store::{json_param, sql};

/// Number that a counter of a pattern adds. The values are those of `count_attempts.sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Adds {
    Jobs = 0,
    StartMs = 1,
    AttemptMs = 2,
    SuccessMs = 3,
}

impl Serialize for Adds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// Counters that an attempt adds to, by name.
type Pattern = BTreeMap<String, Adds>;

/// An attempt that a flush ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedAttempt<'a> {
    pub(crate) job: (&'a str, &'a str),
    pub(crate) number: u32,
    /// New state of the job.
    pub(crate) state: State,
    /// Class of its error, if it failed.
    pub(crate) class: Option<ErrorClass>,
    pub(crate) duration_ms: i64,
    pub(crate) waits: Waits,
}

/// Job and attempt, the number of its pattern, and its times in ms: until its start, of the attempt, and until its success.
#[derive(Serialize)]
struct Counted<'a>(&'a str, &'a str, u32, usize, i64, i64, i64);

/// Returns the statement that adds attempts to the totals; `None` if there are none.
pub(crate) fn count_attempts<'a>(ended: impl Iterator<Item = EndedAttempt<'a>>, token: &str) -> Option<Statement> {
    let (mut patterns, mut numbers): (Vec<Pattern>, BTreeMap<Pattern, usize>) = Default::default();
    let rows: Vec<_> = ended
        .map(|one| {
            let (pattern, [start_ms, attempt_ms, success_ms]) = added(&one);
            let number = *numbers.entry(pattern).or_insert_with_key(|pattern| {
                patterns.push(pattern.clone());
                patterns.len() - 1
            });
            Counted(one.job.0, one.job.1, one.number, number, start_ms, attempt_ms, success_ms)
        })
        .collect();
    (!rows.is_empty()).then(|| sql!("count_attempts", json_param(&rows), token, json_param(&patterns)))
}

/// Returns the counters that an attempt adds to, and its times.
fn added(ended: &EndedAttempt<'_>) -> (Pattern, [i64; 3]) {
    let EndedAttempt { state, class, duration_ms, waits, .. } = *ended;
    let counter = match state {
        State::Succeeded => Counter::Succeeded.name(),
        State::Dead => Counter::Dead.name(),
        State::Held => HELD,
        _ => Counter::Retried.name(),
    };
    let class = class.map_or(SUCCEEDED_CLASS, ErrorClass::name);
    let mut pattern = Pattern::from([(counter.to_owned(), Adds::Jobs), (class_counter(class), Adds::Jobs)]);
    let times = [
        (Histogram::Start, Adds::StartMs, waits.start_ms),
        (Histogram::Attempt, Adds::AttemptMs, Some(duration_ms)),
        (Histogram::Success, Adds::SuccessMs, waits.success_ms.filter(|_| state == State::Succeeded)),
    ];
    for (histogram, adds, ms) in times {
        if let Some(ms) = ms {
            pattern.insert(histogram.bucket_of(ms), Adds::Jobs);
            pattern.insert(histogram.sum(), adds);
        }
    }
    (pattern, times.map(|(.., ms)| ms.unwrap_or(0).max(0)))
}
