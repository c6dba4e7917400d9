//! What is played: a seed, perhaps with a planted bug, perhaps in a smaller world.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::sim::bugs::sabotage::Bug;
use crate::sim::engine::faults::Fault;

/// One schedule to play.
#[derive(Debug, Clone, Default)]
pub struct Play {
    /// The seed it is made of.
    pub seed: u64,
    /// The bug that is planted.
    pub bug: Option<&'static Bug>,
    /// How the world is made smaller.
    pub narrow: Narrow,
    /// Whether what happens is printed.
    pub prints: bool,
}

/// A world with less in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrow {
    /// Faults that never come.
    pub off: BTreeSet<Fault>,
    /// How many jobs are wanted, instead of 8 or more.
    pub jobs: Option<i64>,
    /// No operator does anything, and nobody asks twice who has an answer.
    pub quiet: bool,
}

impl Narrow {
    /// The world with only these kinds of faults.
    pub fn only(faults: &[Fault], quiet: bool) -> Self {
        Self { off: Fault::all().filter(|other| !faults.contains(other)).collect(), jobs: None, quiet }
    }

    /// Whether schedules must have at least so many faults and jobs.
    pub(crate) fn has_floor(&self) -> bool {
        self.off.is_empty() && self.jobs.is_none()
    }
}

impl Play {
    /// The same with another seed.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> Self {
        Self { seed, ..self.clone() }
    }

    /// The command that prints its trace.
    pub fn command(&self) -> String {
        let mut more = String::new();
        if !self.narrow.off.is_empty() {
            let names: Vec<_> = self.narrow.off.iter().map(|fault| format!("{fault:?}")).collect();
            let _ = write!(more, " --off {}", names.join(","));
        }
        if let Some(jobs) = self.narrow.jobs {
            let _ = write!(more, " --jobs {jobs}");
        }
        if self.narrow.quiet {
            more.push_str(" --quiet");
        }
        if let Some(bug) = self.bug {
            let _ = write!(more, " --bug '{}'", bug.name);
        }
        let arguments = if more.is_empty() { String::new() } else { format!(" ARGS=\"{}\"", more.trim_start()) };
        format!("make sim SEED={}{arguments}", self.seed)
    }
}
