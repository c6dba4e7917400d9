//! Years of slots in twenty zones, held against `cronexpr`, which shares neither a parser nor a time library with us.

use std::collections::{BTreeMap, BTreeSet};

use cronexpr::{MakeTimestamp, parse_crontab};
use longshore::cron::Cron;
use longshore::time::rfc3339;
use longshore::zone::Zone;

/// 2026-11-02T08:30:00Z.
const FROM: i64 = 1_793_608_200_000;
const DAY_MS: i64 = 86_400_000;

const ZONES: [&str; 20] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Nuuk",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Asia/Jerusalem",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
];

const EXPRESSIONS: [&str; 12] = [
    "*/15 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 9 * * MON-FRI",
    "0 0 1 * *",
    "59 23 31 12 *",
    "0 0 29 2 *",
    "15 10 15,30 1,6 *",
    "0 0 13 * 5",
    "0 0 L * *",
    "0 12 * * 1#2",
    "45 1-3 * * SUN",
];

fn ours(expression: &str, zone: &str, years: i64) -> Vec<i64> {
    let end = FROM + years * 366 * DAY_MS;
    let cron = Cron::parse(expression, Zone::named(zone).unwrap(), FROM).unwrap();
    std::iter::successors(cron.next_after(FROM), |slot| cron.next_after(*slot)).take_while(|slot| *slot < end).collect()
}

fn theirs(expression: &str, zone: &str, years: i64) -> Vec<i64> {
    let cron = parse_crontab(&format!("{expression} {zone}")).unwrap();
    let slots = cron.iter_after(MakeTimestamp::from_millisecond(FROM).unwrap()).unwrap();
    let end = FROM + years * 366 * DAY_MS;
    slots.map(|slot| slot.unwrap().timestamp().as_millisecond()).take_while(|slot| *slot < end).collect()
}

/// Which of the two alone has a slot, and whether the clocks there were set forward or back around it; `None` where they
/// were not set at all.
fn rule(slot: i64, is_ours: bool, zone: &Zone) -> Option<(&'static str, &'static str)> {
    let second = slot / 1_000;
    let (before, after) = (zone.offset_at(second - 86_400), zone.offset_at(second + 86_400));
    let turn = match after - before {
        0 => return None,
        1.. => "set forward",
        _ => "set back",
    };
    Some((turn, if is_ours { "only ours" } else { "only theirs" }))
}

/// Two years, or as many as `SLOT_YEARS` says: the other library takes minutes for ten.
#[test]
fn slots_in_twenty_zones_are_those_of_another_library() {
    let years = std::env::var("SLOT_YEARS").map_or(2, |years| years.parse().unwrap());
    let (mut same, mut rules): (usize, BTreeMap<_, usize>) = (0, BTreeMap::new());
    for expression in EXPRESSIONS {
        // Those that fire all the time are too many for every zone.
        let often = expression.starts_with('*') || expression.starts_with("0 *");
        let (years, every) = if often { (1, 5) } else { (years, 1) };
        for name in ZONES.into_iter().step_by(every) {
            let zone = Zone::named(name).unwrap();
            let (ours, theirs) = (ours(expression, name, years), theirs(expression, name, years));
            assert!(ours.is_sorted_by(|one, next| one < next) && !ours.is_empty(), "{expression} {name}");
            let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) = (ours.into_iter().collect(), theirs.into_iter().collect());
            same += ours.intersection(&theirs).count();
            for slot in ours.symmetric_difference(&theirs) {
                let rule = rule(*slot, ours.contains(slot), &zone);
                let (turn, whose) = rule.unwrap_or_else(|| panic!("{expression} {name}: {}", rfc3339(*slot)));
                *rules.entry((expression, turn, whose)).or_default() += 1;
            }
        }
    }
    println!("{same} slots are the same; different, each on a day on which clocks turn: {rules:#?}");
    assert!(same > 100_000, "{same}");
    let different: usize = rules.values().sum();
    assert!(different < same / 200, "{different}");
}
