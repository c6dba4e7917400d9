//! Input of a run: a seed, perhaps with a planted bug, perhaps in a smaller world.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::sim::bugs::sabotage::Bug;
use crate::sim::engine::faults::Fault;

/// One schedule to play.
#[derive(Debug, Clone, Default)]
pub struct Play {
    /// Seed of the schedule.
    pub seed: u64,
    /// Planted bug, if any.
    pub bug: Option<&'static Bug>,
    /// Reduction of the world.
    pub narrow: Narrow,
    /// True if the trace is printed.
    pub prints: bool,
}

/// A reduction of the world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrow {
    /// Faults that never hit.
    pub off: BTreeSet<Fault>,
    /// Number of jobs, instead of 8 or more.
    pub jobs: Option<i64>,
    /// True if no operator acts and no client with an answer repeats its request.
    pub quiet: bool,
}

impl Narrow {
    /// The world with only these kinds of faults.
    pub fn only(faults: &[Fault], quiet: bool) -> Self {
        Self { off: Fault::all().filter(|other| !faults.contains(other)).collect(), jobs: None, quiet }
    }

    /// Returns true if schedules must have a minimum of faults and jobs.
    pub(crate) fn has_floor(&self) -> bool {
        self.off.is_empty() && self.jobs.is_none()
    }
}

impl Play {
    /// The same play with another seed.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> Self {
        Self { seed, ..self.clone() }
    }

    /// Command that prints its trace.
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
