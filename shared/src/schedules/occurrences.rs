//! Which occurrences of a schedule a tick fires, which were missed, and where the schedule stands then. Pure: the tick may come
//! early, late, twice or never.

use serde::{Deserialize, Serialize};

use crate::limits::{CATCH_UP_GRACE_MS, CATCH_UP_OCCURRENCES_AT_ONCE, CATCH_UP_OCCURRENCES_MAX, OCCURRENCE_MS_MIN};
use crate::schedules::cron::Cron;

/// What becomes of an occurrence while the schedule's job before it is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is left out, and recorded as skipped.
    Skip,
    /// It fires.
    #[default]
    Allow,
}

/// What becomes of occurrences whose tick came late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// The newest fires.
    #[default]
    Latest,
    /// All fire, up to [`CATCH_UP_OCCURRENCES_MAX`].
    All,
    /// None fires that is older than [`CATCH_UP_GRACE_MS`].
    None,
}

/// What a tick makes of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOccurrences {
    /// Occurrences that fire now, in order.
    pub fire: Vec<i64>,
    /// The first and the last of the occurrences that were missed.
    pub missed: Option<(i64, i64)>,
    /// Up to here all is decided then.
    pub last_occurrence: i64,
    /// The next occurrence, which may be due already.
    pub next_at: Option<i64>,
}

/// Decides what a tick at `now` makes of a schedule whose occurrences are decided up to `last_occurrence`.
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
    // Without a start there is none in time.
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

/// Where firing all begins: at the first, unless more than [`CATCH_UP_OCCURRENCES_MAX`] wait.
fn start_of_all(cron: &Cron, first: i64, now: i64) -> Option<i64> {
    let most = i64::try_from(CATCH_UP_OCCURRENCES_MAX).unwrap_or(0);
    if now - first < most * OCCURRENCE_MS_MIN {
        return Some(first); // There is no room for more: nothing needs to be counted.
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

    /// 2026-11-02T08:30:00Z.
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
        assert_eq!(all.next_at, Some(NOW - 19 * MINUTE), "it goes on");
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
        /// Ticks at any times, and each occurrence is fired once, in order, or is in one gap that was told.
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
