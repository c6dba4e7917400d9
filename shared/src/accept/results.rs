//! What became of the jobs of one request, each by itself.

use serde::Serialize;

use crate::accept::authorize::Caller;
use crate::accept::insert::{Accepted, accept, seal_secrets};
use crate::accept::request::{NewJob, in_order};
use crate::ports::{Blobs, Clock, Database};
use crate::settings::Settings;
use crate::wire::problem::Problem;

/// Accepts the jobs that passed their check. The results are in the order of the request.
///
/// # Errors
/// A problem for the whole request, as [`accept`].
pub async fn accept_checked<W: Database + Blobs + Clock>(
    world: &W,
    settings: &Settings,
    caller: &Caller,
    checked: Vec<Result<NewJob, Problem>>,
) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
    let (mut jobs, mut places) = (Vec::new(), Vec::new());
    for job in checked {
        places.push(job.map(|job| jobs.push(job)));
    }
    // Of two changes of one document the later one stands, and an id is what tells.
    in_order(&mut jobs);
    seal_secrets(world, settings, caller, &mut jobs).await?;
    // Also with no job left: the key is checked all the same.
    let mut accepted = accept(world, caller, jobs).await?.into_iter();
    Ok(places.into_iter().map(|place| place.and_then(|()| accepted.next().unwrap_or(Err(Problem::Internal)))).collect())
}

/// What became of one job of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is a new job.
    Accepted,
    /// Its key has a job already.
    Replayed,
    /// It was refused.
    Rejected,
}

impl Outcome {
    /// The outcome of one result.
    pub fn of(result: &Result<Accepted, Problem>) -> Outcome {
        match result {
            Ok(accepted) if accepted.replayed => Outcome::Replayed,
            Ok(_) => Outcome::Accepted,
            Err(_) => Outcome::Rejected,
        }
    }
}

/// How many jobs of a request had each outcome.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    accepted: usize,
    replayed: usize,
    rejected: usize,
}

impl Tally {
    /// Whether no job was refused.
    pub fn is_whole(&self) -> bool {
        self.rejected == 0
    }

    /// Counts these results.
    pub fn count(&mut self, results: &[Result<Accepted, Problem>]) {
        for result in results {
            self.add(Outcome::of(result));
        }
    }

    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Replayed => &mut self.replayed,
            Outcome::Rejected => &mut self.rejected,
        } += 1;
    }
}
