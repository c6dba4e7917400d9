//! The range of a request for statistics.

use serde::{Deserialize, Serialize};

use crate::limits::{SNAPSHOT_DAYS_KEPT, STATISTICS_POINTS_DEFAULT, STATISTICS_POINTS_MAX};
use crate::wire::invalid::InvalidField;
use crate::wire::problem::Problem;
use crate::wire::time::parse_rfc3339;

/// Milliseconds of a minute.
pub(super) const MINUTE_MS: i64 = 60_000;

/// Length of the points of an answer. Days begin at midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Step {
    Minute,
    Hour,
    Day,
}

/// Difference between the series of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Kinds of jobs.
    Kind,
    /// Endpoints. Those that were deleted are `:other` together.
    Endpoint,
}

impl Step {
    /// Returns the number of minutes.
    pub fn minutes(self) -> i64 {
        match self {
            Step::Minute => 1,
            Step::Hour => 60,
            Step::Day => 24 * 60,
        }
    }
}

/// Range of time in whole steps, and how the answer divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First minute, as minutes since 1970.
    pub(super) from: i64,
    /// Minute after the last.
    pub(super) to: i64,
    /// Length of its points.
    pub step: Step,
    /// Difference between its series.
    pub by: By,
}

impl Range {
    /// Parses the parameters of a request. `from` is rounded down to a whole step, and `to` up.
    ///
    /// # Errors
    /// `InvalidParameter`, which names the wrong one.
    pub fn parse([from, to, step, by]: [Option<&str>; 4], now_ms: i64) -> Result<Range, Problem> {
        let wrong = |name: &str, code, detail: String| Problem::InvalidParameter(InvalidField::of(name, code, detail));
        let step = match step {
            None | Some("hour") => Step::Hour,
            Some("minute") => Step::Minute,
            Some("day") => Step::Day,
            Some(_) => return Err(wrong("step", "unknown-value", "must be minute, hour or day".into())),
        };
        let by = match by {
            None | Some("kind") => By::Kind,
            Some("endpoint") => By::Endpoint,
            Some(_) => return Err(wrong("by", "unknown-value", "must be kind or endpoint".into())),
        };
        let time = |name, text: Option<&str>| match text.map(parse_rfc3339) {
            None => Ok(None),
            Some(Some(ms)) => Ok(Some(ms)),
            Some(None) => {
                Err(wrong(name, "invalid-time", "must be a time as in RFC 3339, such as 2026-11-02T08:00:00Z".into()))
            }
        };
        let (step_ms, from, to) = (step.minutes() * MINUTE_MS, time("from", from)?, time("to", to)?);
        // Nothing has happened later than now.
        let to = to.unwrap_or(now_ms).min(now_ms);
        let to = to.div_euclid(step_ms) + i64::from(to.rem_euclid(step_ms) > 0);
        // Without the snapshot before it, the first point would be all of the past.
        let oldest = now_ms.div_euclid(step_ms) - SNAPSHOT_DAYS_KEPT / step.minutes();
        let from = from.map_or(to - STATISTICS_POINTS_DEFAULT, |from| from.div_euclid(step_ms).max(oldest));
        if from >= to {
            return Err(wrong("from", "out-of-range", "must be before `to` and before now".into()));
        }
        if to - from > STATISTICS_POINTS_MAX {
            let detail = format!(
                "must be at most {STATISTICS_POINTS_MAX} steps before `to`; ask for a shorter range or a longer step"
            );
            return Err(wrong("from", "out-of-range", detail));
        }
        Ok(Range { from: from * step.minutes(), to: to * step.minutes(), step, by })
    }

    /// Returns the minutes at which points begin, and the one after the last point.
    pub(super) fn minutes(&self) -> Vec<i64> {
        let step = usize::try_from(self.step.minutes()).unwrap_or(1);
        (self.from..=self.to).step_by(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-26T08:30:10Z";

    fn parse(parameters: [Option<&str>; 4]) -> Result<Range, Problem> {
        Range::parse(parameters, parse_rfc3339(NOW).unwrap())
    }

    #[test]
    fn a_range_has_whole_steps() {
        let range = parse([Some("2026-11-26T06:20:00Z"), None, None, None]).unwrap();
        assert_eq!((range.step, range.by, range.minutes().len()), (Step::Hour, By::Kind, 4), "6, 7, 8 and the end");
        assert_eq!(range.from % 60 + range.to % 60, 0);
        let minutes = parse([None, Some("2027-01-01T00:00:00Z"), Some("minute"), Some("endpoint")]).unwrap();
        assert_eq!((minutes.minutes().len(), minutes.by), (61, By::Endpoint));
        assert_eq!(minutes.to * MINUTE_MS, parse_rfc3339("2026-11-26T08:31:00Z").unwrap(), "not later than now");
    }

    #[test]
    fn a_wrong_range_names_its_parameter() {
        for (parameters, name, code) in [
            ([Some("yesterday"), None, None, None], "from", "invalid-time"),
            ([None, Some("2026-11-26"), None, None], "to", "invalid-time"),
            ([None, None, Some("week"), None], "step", "unknown-value"),
            ([None, None, None, Some("tenant")], "by", "unknown-value"),
            ([Some("2026-11-26T08:31:00Z"), None, Some("minute"), None], "from", "out-of-range"),
            ([Some("2026-11-25T00:00:00Z"), None, Some("minute"), None], "from", "out-of-range"),
        ] {
            let refused = parse(parameters);
            let Err(Problem::InvalidParameter(field)) = refused else { panic!("{parameters:?}: {refused:?}") };
            assert_eq!((field.pointer.as_str(), field.code), (name, code), "{parameters:?}");
        }
    }
}
