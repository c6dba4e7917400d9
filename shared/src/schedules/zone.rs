//! Time zones: the wall-clock times of IANA zones, for present and future instants.
//!
//! `zones.txt` has one line per zone: its rule, and the changes of the clocks that follow no rule. It is generated from
//! the IANA database. A test compares it with that database and with the crate `chrono-tz`. The tables of `chrono-tz`
//! would make the Worker's bundle too large: they have every change since 1900, while this module uses only present and
//! future ones.

use chrono::{DateTime, Datelike, NaiveDate, Weekday};

use crate::limits::DAY_MS;

static ZONES: &str = include_str!("zones.txt");

/// Number of seconds of a day.
const DAY: i64 = DAY_MS / 1_000;

/// A time zone. Offsets are in seconds east of UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    standard: i64,
    daylight: Option<Daylight>,
    /// Changes before the rule applies: an instant, and the offset from then on.
    turns: Vec<(i64, i64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Daylight {
    offset: i64,
    begins: ClockChange,
    ends: ClockChange,
}

/// Day and time of a yearly change of the clocks: the nth weekday of a month; 5 is the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ClockChange {
    month: u32,
    week: u8,
    weekday: Weekday,
    seconds: i64,
}

/// Instants at which the clocks of a zone show a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instants {
    /// The clocks show the time once.
    One(i64),
    /// The clocks show the time twice, because they were set back.
    Two(i64, i64),
    /// The clocks never show the time, because they were set forward at this instant.
    Skipped(i64),
}

impl Zone {
    /// Finds the zone of that name, as the IANA database spells it.
    pub fn named(name: &str) -> Option<Zone> {
        let line = ZONES.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Zone::parse(line)
    }

    /// Returns the names of all zones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ZONES.lines().filter_map(|line| Some(line.split_once(' ')?.0))
    }

    /// Parses a rule and optional changes: `3600`, or `3600 7200 3.5.0/7200 10.5.0/10800`, optionally followed by `;
    /// 1770516000:0 1773540000:3600`.
    fn parse(line: &str) -> Option<Zone> {
        let (rule, turns) = line.split_once("; ").unwrap_or((line, ""));
        let mut fields = rule.split_ascii_whitespace();
        let standard = fields.next()?.parse().ok()?;
        let daylight = match fields.next() {
            None => None,
            Some(offset) => Some(Daylight {
                offset: offset.parse().ok()?,
                begins: ClockChange::parse(fields.next()?)?,
                ends: ClockChange::parse(fields.next()?)?,
            }),
        };
        let turn = |text: &str| {
            let (at, offset) = text.split_once(':')?;
            Some((at.parse().ok()?, offset.parse().ok()?))
        };
        let turns = turns.split_ascii_whitespace().map(turn).collect::<Option<_>>()?;
        Some(Zone { standard, daylight, turns })
    }

    /// Returns the offset at an instant, both in seconds.
    pub fn offset_at(&self, second: i64) -> i64 {
        match self.turns.last() {
            Some((last, _)) if second < *last => {
                let after = self.turns.partition_point(|(at, _)| *at <= second);
                self.turns[after.saturating_sub(1)].1
            }
            _ => self.offset_by_rule(second),
        }
    }

    fn offset_by_rule(&self, second: i64) -> i64 {
        let Some(daylight) = &self.daylight else { return self.standard };
        let Some(year) = DateTime::from_timestamp(second + self.standard, 0).map(|time| time.year()) else {
            return self.standard;
        };
        let (Some(begins), Some(ends)) = (daylight.begins.in_year(year), daylight.ends.in_year(year)) else {
            return self.standard;
        };
        let (begins, ends) = (begins - self.standard, ends - daylight.offset);
        let is_daylight =
            if begins < ends { (begins..ends).contains(&second) } else { !(ends..begins).contains(&second) };
        if is_daylight { daylight.offset } else { self.standard }
    }

    /// Returns the instants at which the clocks show a time. `shown` is that time as seconds of the same time in UTC.
    pub fn instants_of(&self, shown: i64) -> Instants {
        // No zone changes its clocks twice within two days, or by more than a day.
        let before = shown - self.offset_at(shown - DAY);
        let after = shown - self.offset_at(shown + DAY);
        let is_then = |instant: i64| instant + self.offset_at(instant) == shown;
        match (is_then(before), is_then(after)) {
            (true, true) if before != after => Instants::Two(before.min(after), before.max(after)),
            (true, _) => Instants::One(before),
            (false, true) => Instants::One(after),
            (false, false) => Instants::Skipped(self.first_turn(after, before).unwrap_or(before)),
        }
    }

    /// Returns the first change of the clocks after `after` and not after `until`.
    pub fn first_turn(&self, after: i64, until: i64) -> Option<i64> {
        if self.is_steady(after, until) {
            return None;
        }
        self.turns_between(after, until).min()
    }

    /// Returns the last change of the clocks after `after` and not after `until`.
    pub fn last_turn(&self, after: i64, until: i64) -> Option<i64> {
        if self.is_steady(after, until) {
            return None;
        }
        self.turns_between(after, until).max()
    }

    /// Returns true if no change lies between two instants, without a search: no zone changes its clocks twice within
    /// two days.
    fn is_steady(&self, after: i64, until: i64) -> bool {
        until - after <= DAY && self.offset_at(after) == self.offset_at(until)
    }

    fn turns_between(&self, after: i64, until: i64) -> impl Iterator<Item = i64> {
        let year = |second: i64| DateTime::from_timestamp(second, 0).map_or(0, |time| time.year());
        // A change by rule may lie in another year by the zone's own clock.
        let years = year(after) - 1..=year(until) + 1;
        let by_rule = years.flat_map(|year| {
            let daylight = self.daylight.as_ref();
            let begins = daylight.and_then(|daylight| Some(daylight.begins.in_year(year)? - self.standard));
            let ends = daylight.and_then(|daylight| Some(daylight.ends.in_year(year)? - daylight.offset));
            [begins, ends]
        });
        let listed = self.turns.iter().map(|(at, _)| *at);
        by_rule
            .flatten()
            .chain(listed)
            .filter(move |at| after < *at && *at <= until && self.offset_at(at - 1) != self.offset_at(*at))
    }
}

impl ClockChange {
    /// Parses a change such as `3.5.0/7200`: March, last Sunday, two o'clock.
    fn parse(text: &str) -> Option<ClockChange> {
        let (day, seconds) = text.split_once('/')?;
        let mut parts = day.split('.');
        let (month, week) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let days_after_sunday: u8 = parts.next()?.parse().ok()?;
        // Chrono counts weekdays from Monday.
        let weekday = Weekday::try_from((days_after_sunday + 6) % 7).ok()?;
        Some(ClockChange { month, week, weekday, seconds: seconds.parse().ok()? })
    }

    /// Returns the instant of the change in that year, by the clocks before the change.
    fn in_year(&self, year: i32) -> Option<i64> {
        let nth = |week| NaiveDate::from_weekday_of_month_opt(year, self.month, self.weekday, week);
        let day = nth(self.week).or_else(|| nth(self.week - 1))?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp() + self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let mut count = 0;
        for name in Zone::names() {
            assert!(Zone::named(name).is_some(), "{name}");
            count += 1;
        }
        assert!(count > 500, "{count}");
        for unknown in ["", "UTC ", "Europe", "Europe/Berlin ", "europe/berlin", "Mars/Olympus", "+01:00", " "] {
            assert_eq!(Zone::named(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn berlin_turns_twice_a_year() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let second = |text: &str| crate::wire::time::parse_rfc3339(text).unwrap() / 1_000;
        assert_eq!(berlin.offset_at(second("2027-03-28T00:59:59Z")), 3_600);
        assert_eq!(berlin.offset_at(second("2027-03-28T01:00:00Z")), 7_200);
        assert_eq!(berlin.offset_at(second("2027-10-31T00:59:59Z")), 7_200);
        assert_eq!(berlin.offset_at(second("2027-10-31T01:00:00Z")), 3_600);
        assert_eq!(
            berlin.instants_of(second("2027-03-28T02:30:00Z")),
            Instants::Skipped(second("2027-03-28T01:00:00Z"))
        );
        let year = (second("2027-01-01T00:00:00Z"), second("2028-01-01T00:00:00Z"));
        assert_eq!(berlin.first_turn(year.0, year.1), Some(second("2027-03-28T01:00:00Z")));
        assert_eq!(berlin.last_turn(year.0, year.1), Some(second("2027-10-31T01:00:00Z")));
        let turn = second("2027-03-28T01:00:00Z");
        assert_eq!((berlin.first_turn(turn, turn + 1), berlin.first_turn(turn - 1, turn)), (None, Some(turn)));
        let twice = Instants::Two(second("2027-10-31T00:30:00Z"), second("2027-10-31T01:30:00Z"));
        assert_eq!(berlin.instants_of(second("2027-10-31T02:30:00Z")), twice);
        assert_eq!(berlin.instants_of(second("2027-07-01T12:00:00Z")), Instants::One(second("2027-07-01T10:00:00Z")));
    }
}
