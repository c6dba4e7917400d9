//! Retry schedules, their jitter, and the Retry-After of receivers.
//!
//! All functions are pure. The jitter comes from a seed that the caller passes in, so a repeated simulation waits
//! exactly as long as the first one.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::limits::RETRY_AFTER_MS_MAX;

/// Divisor of a delay that gives the maximum jitter in both directions: 20 %.
const JITTER_DIVISOR: u64 = 5;

/// Delay of `once` if a job allows more attempts than the one of the schedule: there is no last delay to repeat, and a
/// delay of zero would be a busy loop.
const ONCE_REPEATED_SECONDS: u64 = 60;

/// Retry schedule: the delays between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "RetrySchedule"))]
#[serde(rename_all = "kebab-case")]
pub enum RetrySchedule {
    /// Ten attempts over about three days: the example schedule of Standard Webhooks.
    #[default]
    WebhookStandard,
    /// Six attempts over about 13 minutes.
    Fast,
    /// One attempt.
    Once,
}

/// A text that does not name a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of webhook-standard, fast, once")]
pub struct UnknownSchedule;

impl RetrySchedule {
    /// Every schedule.
    pub const ALL: [RetrySchedule; 3] = [Self::WebhookStandard, Self::Fast, Self::Once];

    /// Returns the name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebhookStandard => "webhook-standard",
            Self::Fast => "fast",
            Self::Once => "once",
        }
    }

    /// Returns the delays in seconds before the second attempt, the third, and so on, without jitter.
    pub fn delays_seconds(self) -> &'static [u64] {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        match self {
            Self::WebhookStandard => {
                &[5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
            }
            Self::Fast => &[1, 5, 30, 2 * MINUTE, 10 * MINUTE],
            Self::Once => &[],
        }
    }

    /// Returns the number of attempts of the schedule: one more than its delays.
    pub fn max_attempts(self) -> u32 {
        match self {
            Self::WebhookStandard => 10,
            Self::Fast => 6,
            Self::Once => 1,
        }
    }
}

impl fmt::Display for RetrySchedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for RetrySchedule {
    type Err = UnknownSchedule;

    fn from_str(text: &str) -> Result<Self, UnknownSchedule> {
        Self::ALL.into_iter().find(|schedule| schedule.name() == text).ok_or(UnknownSchedule)
    }
}

/// Returns the wait after failure number `failures` (1 is the first; 0 counts as 1), including jitter. After the end of
/// the schedule its last delay repeats, so a job may have more attempts than its schedule.
pub fn delay_after(schedule: RetrySchedule, failures: u32, seed: u64) -> Duration {
    let failures = failures.max(1);
    let delay_ms = u64::try_from(nominal_delay(schedule, failures).as_millis()).unwrap_or(u64::MAX);
    let jitter_ms = delay_ms / JITTER_DIVISOR;
    let random = mix(seed ^ mix(u64::from(failures)));
    Duration::from_millis(delay_ms - jitter_ms + random % (2 * jitter_ms + 1))
}

/// Returns the wait after failure number `failures` as [`delay_after`] does, without jitter.
pub fn nominal_delay(schedule: RetrySchedule, failures: u32) -> Duration {
    let delays = schedule.delays_seconds();
    let position = usize::try_from(failures.max(1) - 1).unwrap_or(usize::MAX);
    Duration::from_secs(delays.get(position).or(delays.last()).copied().unwrap_or(ONCE_REPEATED_SECONDS))
}

/// Mixes bits with the finaliser of `SplitMix64` (Steele, Lea, Flood 2014). Every bit of the input affects every bit of
/// the output, so neighbouring seeds give unrelated jitter.
fn mix(input: u64) -> u64 {
    let mut bits = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Returns the wait after an attempt that spent no failure: `first_seconds` after the first attempt, doubled after each
/// further one, at most `doublings_max` times.
pub(crate) fn doubled_wait(attempt: u32, first_seconds: u64, doublings_max: u32) -> Duration {
    Duration::from_secs(first_seconds << attempt.saturating_sub(1).min(doublings_max))
}

/// Parses a Retry-After header (RFC 9110 10.2.3): seconds, or one of the three forms of an HTTP date. Rounds a fraction
/// of a second up, and uses the longest of several values. The result is from one second to [`RETRY_AFTER_MS_MAX`];
/// `None` for any other text, such as a negative number.
pub fn parse_retry_after(value: &str, now_ms: i64) -> Option<Duration> {
    let one = |value: &str| wait_ms(value.trim_matches([' ', '\t']), now_ms);
    // One date contains a comma too, so the whole text is tried first.
    let wait_ms = one(value).or_else(|| members(value).into_iter().filter_map(one).max())?;
    u64::try_from(wait_ms.clamp(1_000, RETRY_AFTER_MS_MAX)).ok().map(Duration::from_millis)
}

/// First letters of the names of days in an HTTP date.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Splits the values of headers that were joined with commas. Two of the three forms of a date contain a comma after
/// the name of the day.
fn members(value: &str) -> Vec<&str> {
    let begins = |text: &str| text.trim_start_matches([' ', '\t']).get(..3).is_some_and(|name| DAYS.contains(&name));
    let is_day = |text: &str| begins(text) && !text.contains([':', '.']);
    let (mut members, mut begin) = (Vec::new(), 0);
    for (at, _) in value.match_indices(',') {
        if value.get(begin..at).is_some_and(|member| !is_day(member)) {
            members.extend(value.get(begin..at));
            begin = at + 1;
        }
    }
    members.extend(value.get(begin..));
    members
}

fn wait_ms(value: &str, now_ms: i64) -> Option<i64> {
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (seconds, fraction) = value.split_once('.').unwrap_or((value, "0"));
    if are_digits(seconds) && are_digits(fraction) {
        let more = i64::from(fraction.bytes().any(|digit| digit != b'0'));
        // A number that overflows means a wait above the maximum, so it is not an error.
        return Some(seconds.parse::<i64>().unwrap_or(i64::MAX).saturating_add(more).saturating_mul(1_000));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(i64::try_from(date.as_millis()).ok()?.saturating_sub(now_ms))
}

/// Folds random bits into 64 bits, the seed of a retry's jitter.
pub(crate) fn fold(random: u128) -> u64 {
    let [low, high] = [random.to_le_bytes(), random.to_be_bytes()].map(|bytes| {
        let mut half = [0; 8];
        half.copy_from_slice(&bytes[..8]);
        u64::from_le_bytes(half)
    });
    low ^ high
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Time of `Sun, 06 Nov 1994 08:49:37 GMT`, the example of RFC 9110.
    const NOVEMBER_MS: i64 = 784_111_777_000;

    fn any_schedule() -> impl Strategy<Value = RetrySchedule> {
        proptest::sample::select(RetrySchedule::ALL.to_vec())
    }

    #[test]
    fn names_are_the_same_everywhere() {
        for schedule in RetrySchedule::ALL {
            assert_eq!(serde_json::to_value(schedule).unwrap(), schedule.name());
            assert_eq!(schedule.to_string().parse(), Ok(schedule));
        }
        assert_eq!("slow".parse::<RetrySchedule>(), Err(UnknownSchedule));
    }

    #[test]
    fn webhook_standard_is_the_schedule_of_the_specification() {
        let delays: Vec<u64> = RetrySchedule::WebhookStandard.delays_seconds().to_vec();
        assert_eq!(delays, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(RetrySchedule::Fast.delays_seconds(), [1, 5, 30, 120, 600]);
    }

    #[test]
    fn a_schedule_has_one_attempt_more_than_delays() {
        for schedule in RetrySchedule::ALL {
            let attempts = usize::try_from(schedule.max_attempts()).unwrap();
            assert_eq!(attempts, schedule.delays_seconds().len() + 1);
        }
    }

    #[test]
    fn a_wait_is_doubled_with_each_attempt_up_to_the_longest() {
        let waits = [0, 1, 2, 3, 7, 8, u32::MAX].map(|attempt| doubled_wait(attempt, 10, 6).as_secs());
        assert_eq!(waits, [10, 10, 20, 40, 640, 640, 640]);
    }

    #[test]
    fn jitter_reaches_both_of_its_ends() {
        let delays = (0..20_000).map(|seed| delay_after(RetrySchedule::Fast, 1, seed).as_millis());
        let (least, most) = delays.fold((u128::MAX, 0), |(least, most), delay| (least.min(delay), most.max(delay)));
        assert_eq!((least, most), (800, 1_200));
    }

    /// Checks the values that the authors' `SplitMix64` returns for the seed 1234567.
    #[test]
    fn bits_are_mixed_as_splitmix64_mixes_them() {
        let states = [1_234_567, 1_234_567_u64.wrapping_add(0x9e37_79b9_7f4a_7c15)];
        assert_eq!(states.map(mix), [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn neighbouring_seeds_and_failures_have_unrelated_jitter() {
        let of_one_seed = (9..=100).map(|failures| delay_after(RetrySchedule::WebhookStandard, failures, 7));
        let of_one_failure = (0..92).map(|seed| delay_after(RetrySchedule::WebhookStandard, 9, seed));
        for delays in [of_one_seed.collect::<Vec<_>>(), of_one_failure.collect()] {
            let distinct: std::collections::BTreeSet<&Duration> = delays.iter().collect();
            let early = delays.iter().filter(|delay| delay.as_secs() < 86_400).count();
            assert_eq!((delays.len(), distinct.len()), (92, 92));
            assert!((30..=62).contains(&early), "{early} of 92 below the middle");
        }
    }

    #[test]
    fn retry_after_in_each_of_its_forms() {
        let wait = |value: &str| parse_retry_after(value, NOVEMBER_MS - 90_000).map(|wait| wait.as_secs());
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait(" 120\t"), Some(120));
        assert_eq!(wait("0"), Some(1));
        assert_eq!(wait("86400"), Some(86_400));
        assert_eq!(wait("86401"), Some(86_400));
        assert_eq!(wait("99999999999999999999999999"), Some(86_400));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(90));
        assert_eq!(wait("Sunday, 06-Nov-94 08:49:37 GMT"), Some(90));
        assert_eq!(wait("Sun Nov  6 08:49:37 1994"), Some(90));
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:07 GMT"), Some(1), "now");
        assert_eq!(wait("Sun, 06 Nov 1994 07:49:37 GMT"), Some(1), "past");
        assert_eq!(wait("Fri, 31 Dec 9999 23:59:59 GMT"), Some(86_400), "far ahead");
        for (fraction, seconds) in
            [("1.5", 2), ("1.0", 1), ("0.2", 1), ("0.0", 1), ("7.000001", 8), ("86400.1", 86_400)]
        {
            assert_eq!(wait(fraction), Some(seconds), "{fraction}");
        }
        assert_eq!(wait("99999999999999999999999999.5"), Some(86_400));
        for (several, seconds) in [
            ("120, 5", 120),
            ("5,120", 120),
            ("soon, 7", 7),
            (", 7 ,", 7),
            ("3, Sun, 06 Nov 1994 08:49:37 GMT", 90),
            ("Sun, 06 Nov 1994 08:49:37 GMT, 3.5", 90),
            ("Sunday, 06-Nov-94 08:49:37 GMT,Sun, 06 Nov 1994 08:49:37 GMT", 90),
        ] {
            assert_eq!(wait(several), Some(seconds), "{several}");
        }
        for garbage in [
            "",
            " ",
            ",",
            "-1",
            "-1.5, -2",
            "+1",
            "1.",
            ".5",
            ".",
            "1.5.2",
            "1. 5",
            "1.5e3",
            "1e3",
            "0x10",
            "soon",
            "\u{661}\u{662}",
            "12 0",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(wait(garbage), None, "{garbage:?}");
        }
    }

    proptest! {
        #[test]
        fn a_delay_is_within_a_fifth_of_its_schedules(
            schedule in any_schedule(), failures in any::<u32>(), seed in any::<u64>(),
        ) {
            let delays = schedule.delays_seconds();
            let position = usize::try_from(failures.max(1) - 1).unwrap().min(delays.len().saturating_sub(1));
            let middle = delays.get(position).copied().unwrap_or(ONCE_REPEATED_SECONDS) * 1_000;
            let delay = u64::try_from(delay_after(schedule, failures, seed).as_millis()).unwrap();
            prop_assert!((middle * 4 / 5..=middle * 6 / 5).contains(&delay), "{delay} for {middle}");
        }

        /// Checks that the wait for every date ends at that date, within the bounds. `httpdate` writes the date as the
        /// oracle.
        #[test]
        fn dates_agree_with_httpdate(at_seconds in 0_u64..253_402_300_800, now_ms in any::<i64>()) {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at_seconds));
            let wait = i64::try_from(parse_retry_after(&text, now_ms).unwrap().as_millis()).unwrap();
            let exact = i128::from(at_seconds) * 1_000 - i128::from(now_ms);
            prop_assert_eq!(i128::from(wait), exact.clamp(1_000, i128::from(RETRY_AFTER_MS_MAX)));
        }

        #[test]
        fn any_text_is_within_bounds_or_nothing(value in "\\PC{0,40}|[-+]?[0-9]{0,30}", now_ms in any::<i64>()) {
            if let Some(wait) = parse_retry_after(&value, now_ms) {
                prop_assert!((1_000..=86_400_000).contains(&wait.as_millis()));
            }
        }
    }
}
