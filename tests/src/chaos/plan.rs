//! Options of a run, and the times that follow from them.

use std::ops::RangeInclusive;
use std::time::Duration;

const USAGE: &str = "chaos [--kills n] [--seed n] [--replayed n] [--production]";

/// Dead letters that are replayed, if nothing else is asked.
const REPLAYED: usize = 10_000;

/// Options of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Number of kills.
    pub kills: usize,
    /// Seed of the random instants and loads.
    pub seed: u64,
    /// Number of dead letters that one action replays after the load; 0 for none.
    pub replayed: usize,
    /// True if the cron runs as in a deployment, and the recovery time is checked against its promise.
    pub production: bool,
}

impl Plan {
    /// Parses the command line.
    ///
    /// # Errors
    /// Description of what is wrong with it.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self { kills: 20, seed: 1, replayed: REPLAYED, production: false };
        while let Some(name) = arguments.next() {
            let mut number = || {
                let text = arguments.next().ok_or(format!("{name} needs a value"))?;
                text.parse::<u32>().map_err(|error| format!("{name} {text}: {error}"))
            };
            match &*name {
                "--kills" => plan.kills = usize::try_from(number()?).map_err(|error| error.to_string())?,
                "--replayed" => plan.replayed = usize::try_from(number()?).map_err(|error| error.to_string())?,
                "--seed" => plan.seed = number()?.into(),
                "--production" => plan.production = true,
                _ => return Err(format!("{name}?\n{USAGE}")),
            }
        }
        Ok(plan)
    }

    /// Interval of both crons. Each run of the deployed one sweeps three times in its minute.
    pub(super) fn tick_every(&self) -> Duration {
        Duration::from_secs(if self.production { 60 } else { 1 })
    }

    /// Milliseconds from a start of workerd to the next kill. With `--production` interrupted jobs have run again by
    /// then: a lease of 30 s, a watermark 45 s behind, a sweep each 20 s.
    pub(super) fn lives_ms(&self) -> RangeInclusive<i64> {
        if self.production { 80_000..=95_000 } else { 1_500..=4_000 }
    }

    /// Upper limit of the recovery's p99.
    pub(super) fn recovers_within(&self) -> Option<Duration> {
        self.production.then_some(Duration::from_secs(75))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_read_or_refused() {
        let parse = |text: &str| Plan::parse(text.split_whitespace().map(str::to_owned));
        let wanted = Plan { kills: 7, seed: 3, replayed: 9, production: true };
        assert_eq!(parse("--kills 7 --seed 3 --replayed 9 --production"), Ok(wanted));
        assert!(parse("--kills").is_err() && parse("--kills x").is_err() && parse("--slow").is_err());
    }
}
