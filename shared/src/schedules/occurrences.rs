//! The decision of a tick: which occurrences of a schedule fire, which were missed, and how far the schedule advances.
//! It is pure: the tick may be early, late, repeated or missing.

use serde::{Deserialize, Serialize};

use crate::limits::{CATCH_UP_GRACE_MS, CATCH_UP_OCCURRENCES_AT_ONCE, CATCH_UP_OCCURRENCES_MAX, OCCURRENCE_MS_MIN};
use crate::schedules::cron::Cron;

/// Handling of an occurrence while the previous job of the schedule is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The occurrence is skipped and recorded.
    Skip,
    /// The occurrence fires.
    #[default]
    Allow,
}

/// Handling of occurrences whose tick was late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// Only the newest fires.
    #[default]
    Latest,
    /// All fire, up to [`CATCH_UP_OCCURRENCES_MAX`].
    All,
    /// Those at most [`CATCH_UP_GRACE_MS`] late fire.
    None,
}

/// Decision of a tick for one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOccurrences {
    /// Occurrences that fire now, in order.
    pub fire: Vec<i64>,
    /// First and last of the missed occurrences.
    pub missed: Option<(i64, i64)>,
    /// Last occurrence that is decided afterwards.
    pub last_occurrence: i64,
    /// Next occurrence, which may be due already.
    pub next_at: Option<i64>,
}

/// Decides for a tick at `now` what happens to a schedule whose occurrences are decided up to `last_occurrence`.
pub fn decide(cron: &Cron, catch_up: CatchUp, last_occurrence: i64, now: i64) -> DueOccurrences {
    let first = match cron.next_after(last_occurrence) {
        Some(first) if first <= now => first,
        next_at => return DueOccurrences { fire: Vec::new(), missed: None, last_occurrence, next_at },
    };
    let start = match catch_up {
        CatchUp::Latest => cron.last_until(now),
        CatchUp::None => cron.next_after(now - CATCH_UP_GRACE_MS - 1),
        CatchUp::All => start_of_all(cron, first, now),
    };
    // Without a start no occurrence is in time.
    let start = start.unwrap_or(now + 1).max(first);
    let mut fire = Vec::new();
    let mut occurrence = Some(start);
    while let Some(at) = occurrence.filter(|at| *at <= now && fire.len() < CATCH_UP_OCCURRENCES_AT_ONCE) {
        fire.push(at);
        occurrence = cron.next_after(at);
    }
    let before_start = || cron.last_until(start.min(now + 1) - 1).unwrap_or(first).max(first);
    let missed = (start > first).then(|| (first, before_start()));
    let last_occurrence = fire.last().copied().or(missed.map(|(_, last)| last)).unwrap_or(last_occurrence);
    DueOccurrences { fire, missed, last_occurrence, next_at: cron.next_after(last_occurrence) }
}

/// Returns the first occurrence that fires with `catch_up: all`: the first one, unless more than
/// [`CATCH_UP_OCCURRENCES_MAX`] wait.
fn start_of_all(cron: &Cron, first: i64, now: i64) -> Option<i64> {
    let most = i64::try_from(CATCH_UP_OCCURRENCES_MAX).unwrap_or(0);
    if now - first < most * OCCURRENCE_MS_MIN {
        return Some(first); // The time is too short for more occurrences than the maximum.
    }
    let waiting = std::iter::successors(Some(first), |occurrence| cron.next_after(*occurrence))
        .take_while(|occurrence| *occurrence <= now);
    if waiting.take(CATCH_UP_OCCURRENCES_MAX + 1).count() <= CATCH_UP_OCCURRENCES_MAX {
        return Some(first);
    }
    std::iter::successors(cron.last_until(now), |occurrence| cron.last_until(occurrence - 1))
        .take(CATCH_UP_OCCURRENCES_MAX)
        .last()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::{DAY_MS, HOUR_MS};
    use crate::schedules::zone::Zone;

    /// Time of the tests: 2026-11-02T08:30:00Z.
    const NOW: i64 = 1_793_608_200_000;
    const MINUTE: i64 = 60_000;

    fn cron(text: &str) -> Cron {
        Cron::parse(text, Zone::named("Europe/Berlin").unwrap(), NOW).unwrap()
    }

    fn all_between(cron: &Cron, after: i64, until: i64) -> Vec<i64> {
        std::iter::successors(cron.next_after(after), |occurrence| cron.next_after(*occurrence))
            .take_while(|occurrence| *occurrence <= until)
            .collect()
    }

    #[test]
    fn a_tick_in_time_fires_one() {
        for catch_up in [CatchUp::Latest, CatchUp::All, CatchUp::None] {
            let decision = decide(&cron("* * * * *"), catch_up, NOW - MINUTE, NOW + 7);
            let expected =
                DueOccurrences { fire: vec![NOW], missed: None, last_occurrence: NOW, next_at: Some(NOW + MINUTE) };
            assert_eq!(decision, expected, "{catch_up:?}");
            let early = decide(&cron("* * * * *"), catch_up, NOW, NOW + 59_999);
            assert_eq!((early.fire.len(), early.last_occurrence, early.next_at), (0, NOW, Some(NOW + MINUTE)));
        }
    }

    #[test]
    fn each_policy_after_an_outage() {
        let minutely = cron("* * * * *");
        let after = |catch_up, ms| decide(&minutely, catch_up, NOW - ms, NOW);
        let latest = after(CatchUp::Latest, 30 * MINUTE);
        assert_eq!((latest.fire, latest.missed), (vec![NOW], Some((NOW - 29 * MINUTE, NOW - MINUTE))));
        let none = after(CatchUp::None, 30 * MINUTE);
        assert_eq!(none.fire, all_between(&minutely, NOW - 6 * MINUTE, NOW), "the grace is five minutes");
        assert_eq!(none.missed, Some((NOW - 29 * MINUTE, NOW - 6 * MINUTE)));
        let all = after(CatchUp::All, 30 * MINUTE);
        assert_eq!((all.fire.len(), all.missed, all.last_occurrence), (10, None, NOW - 20 * MINUTE));
        assert_eq!(all.next_at, Some(NOW - 19 * MINUTE), "the next round continues");
        let long = after(CatchUp::All, 3 * DAY_MS);
        assert_eq!(long.missed, Some((NOW - 3 * DAY_MS + MINUTE, NOW - 100 * MINUTE)), "the newest hundred fire");
        assert_eq!(long.fire[0], NOW - 99 * MINUTE);
        let daily = decide(&cron("0 3 * * *"), CatchUp::All, NOW - 9 * DAY_MS, NOW);
        assert_eq!((daily.fire.len(), daily.missed), (9, None), "few occurrences of many days");
        let hourly = decide(&cron("0 * * * *"), CatchUp::None, NOW - 5 * HOUR_MS, NOW);
        assert_eq!((hourly.fire.len(), hourly.missed), (0, Some((NOW - 5 * HOUR_MS + 30 * MINUTE, NOW - 30 * MINUTE))));
        assert_eq!(hourly.next_at, Some(NOW + 30 * MINUTE));
    }

    proptest! {
        /// Checks that with ticks at any times each occurrence fires once, in order, or is in one reported gap.
        #[test]
        fn each_occurrence_is_decided_once(
            text in prop::sample::select(vec!["* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "0 0 * * 1"]),
            policy in 0usize..3,
            steps in prop::collection::vec(-90_000i64..20_000_000, 1..40),
        ) {
            let catch_up = [CatchUp::Latest, CatchUp::All, CatchUp::None][policy];
            let cron = cron(text);
            let (mut last_occurrence, mut now, mut decided) = (NOW, NOW, Vec::new());
            for step in steps {
                now += step;
                let decision = decide(&cron, catch_up, last_occurrence, now);
                prop_assert!(decision.fire.len() <= CATCH_UP_OCCURRENCES_AT_ONCE && decision.last_occurrence >= last_occurrence);
                if let Some((first, last)) = decision.missed {
                    decided.extend(all_between(&cron, first - 1, last));
                }
                decided.extend(&decision.fire);
                if catch_up == CatchUp::Latest { prop_assert!(decision.fire.len() <= 1); }
                if let Some(next) = decision.next_at { prop_assert!(next > decision.last_occurrence); }
                last_occurrence = decision.last_occurrence;
            }
            prop_assert_eq!(decided, all_between(&cron, NOW, last_occurrence));
        }
    }
}
