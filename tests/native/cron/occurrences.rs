//! Occurrences over ten years in twenty zones, compared with another implementation: the crate `cron`, with the zones
//! of `chrono-tz`. The policies differ where clocks change (see `shared/src/schedules/cron.rs`), so those days are
//! excluded here; `watched.rs` compares them too.

use std::str::FromStr;

use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use longshore::schedules::cron::Cron;
use longshore::schedules::zone::Zone;

/// Start of the comparison, 2026-01-01T00:00:00Z.
pub(crate) const FROM_MS: i64 = 1_767_225_600_000;
/// End of the comparison, ten years later.
pub(crate) const UNTIL_MS: i64 = 2_082_758_400_000;
/// Time around a clock change that is excluded: a gap has three hours at most.
const BESIDE_MS: i64 = 6 * 3_600_000;

pub(crate) const ZONES: [&str; 20] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Asia/Beirut",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Antarctica/Troll",
];

/// Expressions of Longshore, and the same for the other crate: with seconds, and with names for days of the week. No
/// expression restricts both the day of the month and the day of the week: the other crate requires both, every cron
/// either.
const EXPRESSIONS: [(&str, &str); 8] = [
    ("30 2 * * *", "0 30 2 * * *"),
    ("0 0 1 * *", "0 0 0 1 * *"),
    ("15 9 * * MON-FRI", "0 15 9 * * MON-FRI"),
    ("0 */6 * * *", "0 0 */6 * * *"),
    ("5 0 29 2 *", "0 5 0 29 2 *"),
    ("59 23 31 * *", "0 59 23 31 * *"),
    ("10,40 1-3 1,15 * *", "0 10,40 1-3 1,15 * *"),
    ("0 12 * 3,10 SUN", "0 0 12 * 3,10 SUN"),
];

pub(crate) fn offset(zone: Tz, ms: i64) -> i32 {
    let utc = DateTime::from_timestamp_millis(ms).unwrap().naive_utc();
    zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

/// Returns true if a clock changes near that instant.
fn turns_near(zone: Tz, ms: i64) -> bool {
    offset(zone, ms - BESIDE_MS) != offset(zone, ms + BESIDE_MS)
}

pub(crate) fn ours(expression: &str, zone: &str) -> Vec<i64> {
    let cron = Cron::parse(expression, Zone::named(zone).unwrap(), FROM_MS).unwrap();
    std::iter::successors(cron.next_after(FROM_MS), |occurrence| cron.next_after(*occurrence))
        .take_while(|occurrence| *occurrence < UNTIL_MS)
        .collect()
}

fn theirs(expression: &str, zone: Tz) -> Vec<i64> {
    let schedule = cron::Schedule::from_str(expression).unwrap();
    let from = Utc.timestamp_millis_opt(FROM_MS).unwrap().with_timezone(&zone);
    schedule
        .after(&from)
        .map(|occurrence| occurrence.timestamp_millis())
        .take_while(|occurrence| *occurrence < UNTIL_MS)
        .collect()
}

#[test]
fn ten_years_of_occurrences_match_another_implementation() {
    let (mut compared, mut near_turns) = (0, 0);
    for zone in ZONES {
        let tz: Tz = zone.parse().unwrap();
        for (expression, written) in EXPRESSIONS {
            let (ours, theirs) = (ours(expression, zone), theirs(written, tz));
            let far = |occurrences: &[i64]| {
                occurrences.iter().copied().filter(|occurrence| !turns_near(tz, *occurrence)).collect::<Vec<_>>()
            };
            let (mine, other) = (far(&ours), far(&theirs));
            let differs = mine.iter().zip(&other).find(|(mine, other)| mine != other);
            assert!(differs.is_none() && mine.len() == other.len(), "{expression} in {zone}: {differs:?}");
            compared += mine.len();
            near_turns += ours.len() - mine.len();
        }
    }
    println!("{compared} occurrences compared, {near_turns} near a turn left out");
    assert!(compared > 400_000 && near_turns * 100 < compared, "{compared}, {near_turns}");
}
