//! Cron expressions: five fields and an IANA time zone become occurrences, the instants at which a schedule fires.
//!
//! Minute, hour, day of month, month and day of week; names of months and days; lists, ranges and steps; `L`, `15W` and
//! `LW` for days, `5L` and `1#2` for days of the week; `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`,
//! `@annually`. Days of month and of week that are both restricted are either-or, as in every cron. Seconds are refused.
//!
//! When clocks change, the rule of Debian's cron holds:
//!
//! - An expression without `*` in minute and hour (`30 2 * * *`, `30 1,13 * * *`) names times of the wall clock. Each fires
//!   once a day: of a time that the clocks show twice the first one, and of times that they skip all together right after
//!   the change.
//! - Any other expression (`*/15 * * * *`, `30 * * * *`) names intervals. It fires whenever the clocks show a time that
//!   it names: twice when they show it twice, never when they skip it.
//!
//! croner reads the expression and walks the calendar, which knows no zone; this module maps wall-clock times to instants.

use std::cmp::Ordering;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use croner::errors::CronError;
use croner::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};

use crate::limits::{CRON_BYTES_MAX, DAY_MS, OCCURRENCE_YEARS_MAX};
use crate::schedules::zone::{Instants, Zone};
use crate::wire::phrase::quoted;

/// Seconds of a day.
const DAY_SECONDS: i64 = DAY_MS / 1_000;
/// The fields, by their place, as errors name them.
const FIELDS: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];
/// The numbers that they take.
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

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronProblem {
    /// Longer than any that means something.
    #[error("must have at most {CRON_BYTES_MAX} bytes, got {0}")]
    TooLong(usize),
    /// Not five of them.
    #[error(
        "must have five fields, minute hour day-of-month month day-of-week, got {0}; or use @hourly, @daily, @midnight, \
         @weekly, @monthly, @yearly or @annually"
    )]
    Fields(usize),
    /// One of them cannot be read.
    #[error("has a wrong field {number}, {name}: {detail}", number = .0 + 1, name = FIELDS[*.0], detail = .1)]
    Field(usize, String),
    /// February the 30th.
    #[error("names no day of the next {OCCURRENCE_YEARS_MAX} years")]
    Never,
}

impl CronProblem {
    /// The code that problem documents carry.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too-long",
            Self::Fields(_) => "cron-fields",
            Self::Field(..) => "cron-field",
            Self::Never => "cron-never",
        }
    }
}

/// A cron expression in its zone.
#[derive(Debug, Clone)]
pub struct Cron {
    pattern: croner::Cron,
    zone: Zone,
    /// Whether it names times of the wall clock, and not intervals.
    has_fixed_times: bool,
}

impl Cron {
    /// Reads an expression for occurrences around `now_ms`: those more than [`OCCURRENCE_YEARS_MAX`] years away are not looked for.
    ///
    /// # Errors
    /// [`CronProblem`], never [`CronProblem::Never`].
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
        // Without a bound on its years a search for a day that never comes takes seconds.
        let years = format!("{}-{}", (year - OCCURRENCE_YEARS_MAX).max(1), year + OCCURRENCE_YEARS_MAX);
        let pattern = croner::Cron::from_str(&format!("0 {} {years}", fields.join(" ")))
            .map_err(|_| CronProblem::Fields(fields.len()))?;
        let has_fixed_times = fields.iter().take(2).all(|field| !field.contains('*'));
        Ok(Cron { pattern, zone, has_fixed_times })
    }

    /// The first occurrence after an instant, both in ms.
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        let second = ms.div_euclid(1_000);
        let occurrence = if self.has_fixed_times { self.next_fixed(second) } else { self.next_of_interval(second) };
        Some(occurrence? * 1_000)
    }

    /// The last occurrence that is not after an instant, both in ms.
    pub fn last_until(&self, ms: i64) -> Option<i64> {
        let second = ms.div_euclid(1_000);
        let occurrence = if self.has_fixed_times { self.last_fixed(second) } else { self.last_of_interval(second) };
        Some(occurrence? * 1_000)
    }

    /// Of two wall-clock times the later one never fires before the earlier one, so this goes up to the first that fires
    /// after `second`. It passes what the clocks show again: three hours of minutes at most.
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
        // After the clocks were set back, times later than what they show have fired.
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

    /// When a time of the wall clock fires.
    fn fires_at(&self, shown: i64) -> i64 {
        match self.zone.instants_of(shown) {
            Instants::One(at) | Instants::Two(at, _) | Instants::Skipped(at) => at,
        }
    }

    /// Between two changes of the clocks the times they show are instants moved by one offset.
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

    /// What the clocks show at an instant, as the second at which clocks in UTC would.
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

/// Checks the form of a field, and then what croner says of it. Croner alone takes a field without a value, and then looks
/// for it until the year 5000.
fn check_field(place: usize, field: &str) -> Result<(), String> {
    for item in field.split(',') {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        if step.is_some_and(|step| !is_number(step)) {
            return Err("a step is a number, as in */5".into());
        }
        if !range.split('-').all(|end| is_end(place, end)) || range.split('-').count() > 2 {
            return Err(format!("{} is no value, list, range or step of it", quoted(item)));
        }
        let (least, most) = BOUNDS[place];
        let is_outside = |end: &&str| end.parse().is_ok_and(|number: u8| !(least..=most).contains(&number));
        if let Some(end) = range.split('-').find(is_outside) {
            return Err(format!("{} is not from {least} to {most}", quoted(end)));
        }
    }
    let mut fields = ["*"; FIELDS.len()];
    fields[place] = field;
    // Of one year: without it croner writes down each of five thousand, which is most of the time that this takes.
    let fields = format!("0 {} 2000", fields.join(" "));
    let refused = |error| match error {
        CronError::ComponentError(text) | CronError::IllegalCharacters(text) | CronError::InvalidPattern(text) => text,
        other => other.to_string(),
    };
    croner::Cron::from_str(&fields).map(drop).map_err(|error| refused(error).trim_end_matches('.').to_owned())
}

/// Whether this may stand alone, or at the end of a range.
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

/// A time of the wall clock, as the second at which clocks in UTC would show it. croner walks over these.
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
