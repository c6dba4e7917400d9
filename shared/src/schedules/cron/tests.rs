//! Tests of cron expressions: days on which clocks change, errors, names, and both directions.

use proptest::prelude::*;

use super::*;
use crate::wire::time::{parse_rfc3339, rfc3339};

const NOW: i64 = 1_793_608_200_000;

fn cron(text: &str, zone: &str) -> Result<Cron, CronProblem> {
    Cron::parse(text, Zone::named(zone).unwrap(), NOW)
}

fn occurrences(text: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let cron = cron(text, zone).unwrap();
    let mut at = parse_rfc3339(from).unwrap() - 1;
    let next = || {
        at = cron.next_after(at).unwrap();
        rfc3339(at).replace(":00.000Z", "")
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn a_clock_set_forward() {
    let from = "2027-03-27T00:00:00Z";
    let fixed = occurrences("30 2 * * *", "Europe/Berlin", from, 3);
    assert_eq!(fixed, ["2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:30"], "right after the change");
    let list = occurrences("0,30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", 2);
    assert_eq!(list, ["2027-03-28T01:00", "2027-03-29T00:00"], "two skipped times are one occurrence");
    let others = occurrences("30 2,14 14 3 *", "America/New_York", "2027-01-01T00:00:00Z", 2);
    assert_eq!(others, ["2027-03-14T07:00", "2027-03-14T18:30"], "the first of a list is not lost");
    let joined = occurrences("0,30 2,3 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", 3);
    assert_eq!(
        joined,
        ["2027-03-28T01:00", "2027-03-28T01:30", "2027-03-29T00:00"],
        "with the occurrence of that moment"
    );
    let often = occurrences("*/30 * * * *", "Europe/Berlin", "2027-03-28T00:15:00Z", 3);
    assert_eq!(often, ["2027-03-28T00:30", "2027-03-28T01:00", "2027-03-28T01:30"], "an interval continues");
    let skipped = occurrences("*/30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", 1);
    assert_eq!(skipped, ["2027-03-29T00:00"], "an interval that the clocks skip");
    let half = occurrences("15 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00:00Z", 2);
    assert_eq!(half, ["2027-10-02T15:30", "2027-10-03T15:15"], "a change of half an hour");
}

#[test]
fn a_clock_set_back() {
    let fixed = occurrences("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", 2);
    assert_eq!(fixed, ["2027-10-31T00:30", "2027-11-01T01:30"], "once, the first time");
    let list = occurrences("30 1,13 7 11 *", "America/New_York", "2027-01-01T00:00:00Z", 3);
    assert_eq!(list, ["2027-11-07T05:30", "2027-11-07T18:30", "2028-11-07T06:30"], "a list too");
    let range = occurrences("0-59/20 1-2 * * *", "Europe/Berlin", "2027-10-31T00:10:00Z", 3);
    assert_eq!(range, ["2027-10-31T00:20", "2027-10-31T00:40", "2027-11-01T00:00"], "and a range");
    let often = occurrences("30 * * * *", "Europe/Berlin", "2027-10-31T00:00:00Z", 3);
    assert_eq!(often, ["2027-10-31T00:30", "2027-10-31T01:30", "2027-10-31T02:30"], "each hour");
    let minutes = occurrences("*/30 2 * * *", "Europe/Berlin", "2027-10-31T00:00:00Z", 5);
    let twice = ["2027-10-31T00:00", "2027-10-31T00:30", "2027-10-31T01:00", "2027-10-31T01:30", "2027-11-01T01:00"];
    assert_eq!(minutes, twice, "an interval fires both times");
}

#[test]
fn errors_name_the_wrong_field() {
    for (text, problem) in [
        ("", "got 0;"),
        ("* * * *", "got 4;"),
        ("0 * * * * *", "got 6;"),
        ("@reboot", "got 1;"),
        ("61 * * * *", "field 1, minute"),
        (", * * * *", "field 1, minute"),
        ("1,,2 * * * *", "field 1, minute"),
        ("5/10 * * * *", "field 1, minute"),
        ("* 24 * * *", "field 2, hour"),
        ("* JAN * * *", "field 2, hour"),
        ("* * 0 * *", "field 3, day of month"),
        ("* * 32 * *", "field 3, day of month"),
        ("* * W * *", "field 3, day of month"),
        ("* * * JANFEB *", "field 4, month"),
        ("* * * 13 *", "field 4, month"),
        ("* * * * MONTUE", "field 5, day of week"),
        ("* * * * L", "field 5, day of week"),
        ("* * * * 5-1", "field 5, day of week"),
        ("* * * * 1#6", "field 5, day of week"),
        ("* * * * +1", "field 5, day of week"),
    ] {
        let error = cron(text, "UTC").unwrap_err();
        assert!(error.to_string().contains(problem), "{text:?}: {error}");
    }
    assert_eq!(cron(&"1,".repeat(500), "UTC").unwrap_err(), CronProblem::TooLong(1_000));
}

#[test]
fn a_day_that_never_exists_is_found_out_soon() {
    for text in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "* * 30W 2 *"] {
        assert_eq!(cron(text, "America/New_York").unwrap().next_after(NOW), None, "{text}");
        assert_eq!(cron(text, "America/New_York").unwrap().last_until(NOW), None, "{text}");
    }
    assert_eq!(occurrences("0 0 29 2 *", "UTC", "2026-11-02T00:00:00Z", 1), ["2028-02-29T00:00"]);
}

#[test]
fn nicknames_and_names() {
    for (text, first) in [
        ("@hourly", "2026-11-02T09:00"),
        (" @daily ", "2026-11-03T00:00"),
        ("@weekly", "2026-11-08T00:00"),
        ("@monthly", "2026-12-01T00:00"),
        ("@yearly", "2027-01-01T00:00"),
        ("0 9 * * mon-fri", "2026-11-02T09:00"),
        ("0 0 1 jan,JUL *", "2027-01-01T00:00"),
        ("0 0 L * *", "2026-11-30T00:00"),
        ("0 0 LW * ?", "2026-11-30T00:00"),
        ("0 0 * * FRIL", "2026-11-27T00:00"),
        ("0 0 * * TUE#2", "2026-11-10T00:00"),
        ("0 0 * * 7", "2026-11-08T00:00"),
        ("0 0 13 * 5", "2026-11-06T00:00"),
    ] {
        assert_eq!(occurrences(text, "UTC", "2026-11-02T08:30:00Z", 1), [first], "{text}");
    }
}

fn expression() -> impl Strategy<Value = String> {
    let of = |most: u32, least: u32| {
        prop_oneof![
            Just("*".to_owned()),
            (least..=most).prop_map(|value| value.to_string()),
            (2..20u32).prop_map(|step| format!("*/{step}")),
            (least..=most, least..=most).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            (least..=most, least..=most).prop_map(|(a, b)| format!("{a},{b}")),
        ]
    };
    (of(59, 0), of(23, 0), of(28, 1), of(12, 1), of(6, 0)).prop_map(|(a, b, c, d, e)| format!("{a} {b} {c} {d} {e}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Checks that both directions give the same occurrences, also around changes of the clocks.
    #[test]
    fn there_and_back(text in expression(), zone in 0usize..7, at in NOW..NOW + 3 * 31_536_000_000) {
        let zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll",
            "Africa/Cairo", "America/Nuuk"];
        let cron = cron(&text, zones[zone]).unwrap();
        let mut occurrence = at;
        for _ in 0..5 {
            let Some(next) = cron.next_after(occurrence) else { return Ok(()) };
            prop_assert!(next > occurrence && next % 60_000 == 0, "{} after {}", rfc3339(next), rfc3339(occurrence));
            prop_assert_eq!(cron.last_until(next), Some(next), "{} {}", &text, rfc3339(next));
            let before = cron.last_until(next - 1);
            prop_assert!(before.is_none_or(|before| before <= occurrence), "{}: {:?} lies between", &text, before.map(rfc3339));
            occurrence = next;
        }
    }
}
