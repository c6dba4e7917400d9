//! Property of cron expressions and time zones as callers write them.

use longshore::limits::CRON_BYTES_MAX;
use longshore::schedules::cron::{Cron, CronProblem};
use longshore::schedules::zone::Zone;

use crate::stub::NOW_MS;
use crate::texts;

/// Checks an expression and a zone: parsed expressions have increasing occurrences, the same ones backwards, and are
/// fast.
pub fn cron(bytes: &[u8]) -> bool {
    let [text, zone] = texts::<2>(bytes);
    let Some(zone) = Zone::named(&zone).or_else(|| Zone::named("Europe/Berlin")) else { unreachable!() };
    let cron = match Cron::parse(&text, zone, NOW_MS) {
        Ok(cron) => cron,
        Err(problem) => {
            assert_ne!(problem, CronProblem::Never);
            assert!(!problem.to_string().is_empty() && !problem.code().is_empty());
            return false;
        }
    };
    assert!(text.len() <= CRON_BYTES_MAX);
    let mut occurrence = NOW_MS;
    for _ in 0..5 {
        let Some(next) = cron.next_after(occurrence) else { break };
        assert!(next > occurrence && next % 60_000 == 0, "{text:?}: {next} after {occurrence}");
        assert_eq!(cron.last_until(next), Some(next), "{text:?}");
        assert!(
            cron.last_until(next - 1).is_none_or(|before| before <= occurrence),
            "{text:?}: one between {occurrence} and {next}"
        );
        occurrence = next;
    }
    assert!(cron.last_until(NOW_MS).is_none_or(|last| last <= NOW_MS));
    true
}
