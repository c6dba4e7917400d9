//! Occurrences over ten years, including clock changes, compared with a clock that is read minute by minute: the rule
//! of Debian's cron in its plainest form, with the zones of `chrono-tz`.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;

use crate::occurrences::{FROM_MS, UNTIL_MS, ZONES, offset, ours};

const MINUTE: i64 = 60;
/// Interval in which no clock changes: all changes happen at full quarters of an hour.
const QUARTER: i64 = 15 * MINUTE;

/// Expression with its minutes, hours, days of the month and months, and true if it names fixed times.
struct Case {
    expression: &'static str,
    minutes: fn(u32) -> bool,
    hours: fn(u32) -> bool,
    days: fn(u32, u32) -> bool,
    is_fixed: bool,
}

const EVERY_DAY: fn(u32, u32) -> bool = |_, _| true;

const CASES: [Case; 10] = [
    Case { expression: "30 2 * * *", minutes: |m| m == 30, hours: |h| h == 2, days: EVERY_DAY, is_fixed: true },
    Case { expression: "0,30 0-3 * * *", minutes: |m| m % 30 == 0, hours: |h| h <= 3, days: EVERY_DAY, is_fixed: true },
    Case {
        expression: "15,45 1,13 * * *",
        minutes: |m| m % 30 == 15,
        hours: |h| h % 12 == 1,
        days: EVERY_DAY,
        is_fixed: true,
    },
    Case {
        expression: "5 2,23 * 3,11 *",
        minutes: |m| m == 5,
        hours: |h| [2, 23].contains(&h),
        days: |_, month| [3, 11].contains(&month),
        is_fixed: true,
    },
    Case {
        expression: "30 1,13 7 11 *",
        minutes: |m| m == 30,
        hours: |h| h % 12 == 1,
        days: |day, month| (day, month) == (7, 11),
        is_fixed: true,
    },
    Case {
        expression: "30 2,14 14 3 *",
        minutes: |m| m == 30,
        hours: |h| h % 12 == 2,
        days: |day, month| (day, month) == (14, 3),
        is_fixed: true,
    },
    Case {
        expression: "20-40/10 1-2 * * *",
        minutes: |m| [20, 30, 40].contains(&m),
        hours: |h| [1, 2].contains(&h),
        days: EVERY_DAY,
        is_fixed: true,
    },
    Case {
        expression: "*/20 0-4 * * *",
        minutes: |m| m % 20 == 0,
        hours: |h| h <= 4,
        days: EVERY_DAY,
        is_fixed: false,
    },
    Case { expression: "15 */2 * * *", minutes: |m| m == 15, hours: |h| h % 2 == 0, days: EVERY_DAY, is_fixed: false },
    Case { expression: "*/30 2 * * *", minutes: |m| m % 30 == 0, hours: |h| h == 2, days: EVERY_DAY, is_fixed: false },
];

impl Case {
    fn names(&self, Shown { minute, hour, day, month }: Shown) -> bool {
        (self.minutes)(minute) && (self.hours)(hour) && (self.days)(day, month)
    }
}

/// Local time that a clock shows.
#[derive(Clone, Copy)]
struct Shown {
    minute: u32,
    hour: u32,
    day: u32,
    month: u32,
}

fn shown_at(shown: i64) -> Shown {
    let time = DateTime::from_timestamp(shown, 0).unwrap();
    Shown { minute: time.minute(), hour: time.hour(), day: time.day(), month: time.month() }
}

/// Returns the occurrences that a reader of the clock would find who reads it each minute and remembers its earlier
/// times.
fn watched(zone: Tz) -> Vec<BTreeSet<i64>> {
    let mut occurrences = vec![BTreeSet::new(); CASES.len()];
    let mut latest_shown = i64::MIN;
    for quarter in (FROM_MS / 1_000..UNTIL_MS / 1_000).step_by(15 * 60) {
        let offset = i64::from(offset(zone, quarter * 1_000));
        let first = shown_at(quarter + offset);
        for now in (quarter..quarter + QUARTER).step_by(60) {
            let shown = now + offset;
            let is_new = shown > latest_shown;
            // After a clock is set forward, the skipped times were never shown.
            let skipped = if latest_shown == i64::MIN { shown } else { (latest_shown + MINUTE).min(shown) };
            // Only the minutes differ within a quarter of an hour.
            let minute = first.minute + u32::try_from((now - quarter) / MINUTE).unwrap();
            let at = Shown { minute, ..first };
            for (case, occurrences) in CASES.iter().zip(&mut occurrences) {
                let was_skipped = || (skipped..shown).step_by(60).any(|shown| case.names(shown_at(shown)));
                let fires = if case.is_fixed { is_new && (case.names(at) || was_skipped()) } else { case.names(at) };
                if fires {
                    occurrences.insert(now * 1_000);
                }
            }
            latest_shown = latest_shown.max(shown);
        }
    }
    occurrences
}

#[test]
fn ten_years_of_occurrences_match_a_watched_clock() {
    let mut compared = 0;
    for name in ZONES {
        for (case, expected) in CASES.iter().zip(watched(name.parse().unwrap())) {
            // The times before the first minute are unknown here.
            let ours: Vec<i64> = ours(case.expression, name);
            let expected: Vec<i64> = expected.into_iter().filter(|occurrence| *occurrence > FROM_MS).collect();
            let differs = ours.iter().zip(&expected).find(|(ours, expected)| ours != expected);
            assert!(differs.is_none() && ours.len() == expected.len(), "{} in {name}: {differs:?}", case.expression);
            compared += ours.len();
        }
    }
    println!("{compared} occurrences compared");
    assert!(compared > 3_000_000, "{compared}");
}
