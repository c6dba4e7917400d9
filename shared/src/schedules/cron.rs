//! Cron expressions: five fields and an IANA time zone give occurrences, the instants at which a schedule fires.
//!
//! The fields are minute, hour, day of month, month and day of week. They take names of months and days; lists, ranges
//! and steps; `L`, `15W` and `LW` for days, `5L` and `1#2` for days of the week. The nicknames are `@hourly`, `@daily`,
//! `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually`. If both day of month and day of week are restricted,
//! a day must match only one of them, as in every cron. Seconds are refused.
//!
//! Changes of the clocks follow the rule of Debian's cron:
//!
//! - An expression without `*` in minute and hour (`30 2 * * *`, `30 1,13 * * *`) names times of the wall clock. Each
//!   fires once a day. A time that the clocks show twice fires the first time. Times that the clocks skip fire once,
//!   all together, right after the change.
//! - Any other expression (`*/15 * * * *`, `30 * * * *`) names intervals. It fires whenever the clocks show a matching
//!   time: twice if they show it twice, never if they skip it.
//!
//! The crate `croner` reads the expression and searches the calendar, without a time zone. This module maps wall-clock
//! times to instants.

use std::cmp::Ordering;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use croner::errors::CronError;
use croner::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};

use crate::limits::{CRON_BYTES_MAX, DAY_MS, OCCURRENCE_YEARS_MAX};
use crate::schedules::zone::{Instants, Zone};
use crate::wire::phrase::quoted;

/// Number of seconds of a day.
const DAY_SECONDS: i64 = DAY_MS / 1_000;
/// Names of the fields in errors, in order.
const FIELDS: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];
/// Smallest and largest number of each field.
const BOUNDS: [(u8, u8); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Reason why a text is not a valid cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronProblem {
    /// The text is longer than any meaningful expression.
    #[error("must have at most {CRON_BYTES_MAX} bytes, got {0}")]
    TooLong(usize),
    /// The number of fields is not five.
    #[error(
        "must have five fields, minute hour day-of-month month day-of-week, got {0}; or use @hourly, @daily, @midnight, \
         @weekly, @monthly, @yearly or @annually"
    )]
    Fields(usize),
    /// One field cannot be read.
    #[error("has an invalid field {number}, {name}: {detail}", number = .0 + 1, name = FIELDS[*.0], detail = .1)]
    Field(usize, String),
    /// The expression matches no day, such as February 30.
    #[error("must match a day within the next {OCCURRENCE_YEARS_MAX} years")]
    Never,
}

impl CronProblem {
    /// Returns the code for problem documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too-long",
            Self::Fields(_) => "cron-fields",
            Self::Field(..) => "cron-field",
            Self::Never => "cron-never",
        }
    }
}

/// A cron expression in a time zone.
#[derive(Debug, Clone)]
pub struct Cron {
    pattern: croner::Cron,
    zone: Zone,
    /// True if the expression names times of the wall clock, false if it names intervals.
    has_fixed_times: bool,
}

impl Cron {
    /// Parses an expression, for occurrences at most [`OCCURRENCE_YEARS_MAX`] years before or after `now_ms`.
    ///
    /// # Errors
    /// [`CronProblem`], but never [`CronProblem::Never`].
    pub fn parse(text: &str, zone: Zone, now_ms: i64) -> Result<Cron, CronProblem> {
        if text.len() > CRON_BYTES_MAX {
            return Err(CronProblem::TooLong(text.len()));
        }
        let text = NICKNAMES.iter().find(|(name, _)| *name == text.trim()).map_or(text, |(_, fields)| fields);
        let fields: Vec<String> = text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
        if fields.len() != FIELDS.len() {
            return Err(CronProblem::Fields(fields.len()));
        }
        for (place, field) in fields.iter().enumerate() {
            check_field(place, field).map_err(|detail| CronProblem::Field(place, detail))?;
        }
        let year = DateTime::from_timestamp_millis(now_ms).unwrap_or_default().year();
        // The bound on years is necessary: a search for a day that never exists would take seconds.
        let years = format!("{}-{}", (year - OCCURRENCE_YEARS_MAX).max(1), year + OCCURRENCE_YEARS_MAX);
        let pattern = croner::Cron::from_str(&format!("0 {} {years}", fields.join(" ")))
            .map_err(|_| CronProblem::Fields(fields.len()))?;
        let has_fixed_times = fields.iter().take(2).all(|field| !field.contains('*'));
        Ok(Cron { pattern, zone, has_fixed_times })
    }

    /// Returns the first occurrence after an instant, both in ms since 1970.
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        let second = ms.div_euclid(1_000);
        let occurrence = if self.has_fixed_times { self.next_fixed(second) } else { self.next_of_interval(second) };
        Some(occurrence? * 1_000)
    }

    /// Returns the last occurrence at or before an instant, both in ms since 1970.
    pub fn last_until(&self, ms: i64) -> Option<i64> {
        let second = ms.div_euclid(1_000);
        let occurrence = if self.has_fixed_times { self.last_fixed(second) } else { self.last_of_interval(second) };
        Some(occurrence? * 1_000)
    }

    /// Returns the next occurrence of an expression with fixed times. A later wall-clock time never fires before an
    /// earlier one, so the search ends at the first that fires after `second`. It skips times that the clocks show
    /// again: minutes of three hours at most.
    fn next_fixed(&self, second: i64) -> Option<i64> {
        let mut shown = self.shown_at(second);
        loop {
            shown = self.next_shown(shown)?;
            let occurrence = self.fires_at(shown);
            if occurrence > second {
                return Some(occurrence);
            }
        }
    }

    fn last_fixed(&self, second: i64) -> Option<i64> {
        // After the clocks were set back, times later than the shown one may have fired already.
        let offset = self.zone.offset_at(second).max(self.zone.offset_at(second - DAY_SECONDS));
        let mut shown = second + offset + 1;
        loop {
            shown = self.last_shown(shown - 1)?;
            let occurrence = self.fires_at(shown);
            if occurrence <= second {
                return Some(occurrence);
            }
        }
    }

    /// Returns the instant at which a wall-clock time fires.
    fn fires_at(&self, shown: i64) -> i64 {
        match self.zone.instants_of(shown) {
            Instants::One(at) | Instants::Two(at, _) | Instants::Skipped(at) => at,
        }
    }

    /// Returns the next occurrence of an interval. Between two changes of the clocks, wall-clock times are instants
    /// plus a constant offset.
    fn next_of_interval(&self, second: i64) -> Option<i64> {
        let (mut from, mut shown) = (second, self.shown_at(second));
        loop {
            let occurrence = self.next_shown(shown)? - self.zone.offset_at(from);
            match self.zone.first_turn(from, occurrence) {
                None => return Some(occurrence),
                Some(turn) => (from, shown) = (turn, self.shown_at(turn) - 1),
            }
        }
    }

    fn last_of_interval(&self, second: i64) -> Option<i64> {
        let mut until = second;
        loop {
            let occurrence = self.last_shown(self.shown_at(until))? - self.zone.offset_at(until);
            match self.zone.last_turn(occurrence, until) {
                None => return Some(occurrence),
                Some(turn) => until = turn - 1,
            }
        }
    }

    /// Returns the wall-clock time at an instant, as seconds of the same time in UTC.
    fn shown_at(&self, second: i64) -> i64 {
        second + self.zone.offset_at(second)
    }

    fn next_shown(&self, after: i64) -> Option<i64> {
        Some(self.pattern.find_next_occurrence(&Shown(after), false).ok()?.0).filter(|shown| *shown > after)
    }

    fn last_shown(&self, until: i64) -> Option<i64> {
        Some(self.pattern.find_previous_occurrence(&Shown(until), true).ok()?.0).filter(|shown| *shown <= until)
    }
}

/// Checks the syntax of a field, then lets croner parse it. Croner would accept a field without a value, and then
/// search for it until the year 5000.
fn check_field(place: usize, field: &str) -> Result<(), String> {
    for item in field.split(',') {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        if step.is_some_and(|step| !is_number(step)) {
            return Err("a step must be a number of one or two digits, as in */5".into());
        }
        if !range.split('-').all(|end| is_end(place, end)) || range.split('-').count() > 2 {
            return Err(format!("{} is not a value, list, range or step of this field", quoted(item)));
        }
        let (least, most) = BOUNDS[place];
        let is_outside = |end: &&str| end.parse().is_ok_and(|number: u8| !(least..=most).contains(&number));
        if let Some(end) = range.split('-').find(is_outside) {
            return Err(format!("{} must be from {least} to {most}", quoted(end)));
        }
    }
    let mut fields = ["*"; FIELDS.len()];
    fields[place] = field;
    // Limited to one year: otherwise croner lists five thousand of them, which takes most of the time of this check.
    let fields = format!("0 {} 2000", fields.join(" "));
    let refused = |error| match error {
        CronError::ComponentError(text) | CronError::IllegalCharacters(text) | CronError::InvalidPattern(text) => text,
        other => other.to_string(),
    };
    croner::Cron::from_str(&fields).map(drop).map_err(|error| refused(error).trim_end_matches('.').to_owned())
}

/// Returns true if the text may be a single value, or one end of a range.
fn is_end(place: usize, text: &str) -> bool {
    let is_day = |text: &str| is_number(text) || DAYS.contains(&text);
    match place {
        _ if text == "*" || is_number(text) => true,
        2 => matches!(text, "?" | "L" | "LW" | "W") || text.strip_suffix('W').is_some_and(is_number),
        3 => MONTHS.contains(&text),
        4 => match text.split_once('#') {
            Some((day, nth)) => is_day(day) && is_number(nth),
            None => text == "?" || is_day(text.strip_suffix('L').unwrap_or(text)),
        },
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A wall-clock time, as seconds of the same time in UTC. Croner searches over these.
#[derive(Clone, Copy)]
struct Shown(i64);

impl Shown {
    fn time(self) -> DateTime<chrono::Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or_default()
    }
}

impl CronDateTime for Shown {
    fn to_civil(&self) -> CivilDateTime {
        let time = self.time();
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(time.year(), time.month(), time.day()),
            CivilTime::from_parts_unchecked(time.hour(), time.minute(), time.second()),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.time().weekday().num_days_from_sunday())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        NaiveDate::from_ymd_opt(civil.year(), civil.month(), civil.day())
            .and_then(|day| day.and_hms_opt(civil.hour(), civil.minute(), civil.second()))
            .map(|time| Resolution::Single(Shown(time.and_utc().timestamp())))
            .ok_or(CronError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        Some(Shown(self.0.checked_add(seconds)?))
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests;
