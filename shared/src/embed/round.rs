//! One round of calls: the texts of several jobs are asked for together, and what fails one of them harms no other.
//!
//! What the provider refuses is halved until the refused text is alone. When a call fails that several jobs share, two of them are
//! asked for alone. If both fail, and two of the others as well, the provider is to blame, and each job spends a failure; otherwise
//! jobs are halved until those that fail are alone. A job spends a failure only if it failed alone, or if the provider did.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::embed::ask::{
    Blame, Call, Embedded, EmbeddedText, EmbeddingRequest, NO_CALLS, Verdict, call, failed, wait_a_while,
};
use crate::limits::{EMBED_REFUSALS_MAX, LEASE_MARGIN_MS};
use crate::model::outcome::{Outcome, RetryAfter};
use crate::ports::{Clock, Http};

/// When the lease of a text's job ends; texts with one cell are of one job.
pub(crate) type Lease = Rc<Cell<i64>>;

/// What a round came to.
#[derive(Debug)]
pub(crate) struct Round {
    /// What became of each text.
    pub(crate) told: Vec<EmbeddedText>,
    /// Whether no further call is to be made: the provider failed, asked for time, or no calls are left.
    pub(crate) is_over: bool,
    /// How long the provider asked to be left alone.
    pub(crate) pause: Option<Duration>,
}

/// What one call came to, with the places of the texts that it was for.
enum CallResult {
    Given,
    Refused(String, Vec<usize>),
    Failed(Outcome, Vec<usize>),
    /// The round is over.
    Over,
}

struct Asking<'a, W> {
    world: &'a W,
    asked: &'a EmbeddingRequest<'a>,
    texts: &'a [&'a str],
    leases: &'a [Lease],
    told: Vec<Option<Embedded>>,
    calls: Vec<Vec<Rc<Call>>>,
    /// Whether the provider has given a vector in this round.
    works: bool,
    is_over: bool,
    pause: Option<Duration>,
}

/// Asks for the vectors of some texts; `leases` are those of their jobs.
pub(crate) async fn ask<W: Http + Clock>(
    world: &W,
    asked: &EmbeddingRequest<'_>,
    texts: &[&str],
    leases: &[Lease],
) -> Round {
    let mut asking = Asking {
        world,
        asked,
        texts,
        leases,
        told: vec![None; texts.len()],
        calls: vec![Vec::new(); texts.len()],
        works: false,
        is_over: false,
        pause: None,
    };
    asking.run((0..texts.len()).collect()).await;
    // A job that spent the calls by itself would spend them all again; several may have been spent by one of them.
    let is_shared = asking.jobs_of(&(0..texts.len()).collect::<Vec<_>>()).len() > 1;
    let unasked = || if is_shared { waits() } else { Embedded::Failed(failed(NO_CALLS.into(), Some(wait_a_while()))) };
    let Asking { told, calls, is_over, pause, .. } = asking;
    let told = told.into_iter().map(|told| told.unwrap_or_else(unasked)).zip(calls).collect();
    Round { told, is_over, pause }
}

/// What becomes of a text that waits for another attempt, and spends no failure.
fn waits() -> Embedded {
    let message = "It was not asked for alone: calls that others were in failed.".to_owned();
    Embedded::Failed(failed(message, Some(wait_a_while())))
}

impl<W: Http + Clock> Asking<'_, W> {
    async fn run(&mut self, all: Vec<usize>) {
        let mut parts = vec![all];
        while let Some(part) = parts.pop() {
            let answer = self.ask_for(part).await;
            if !self.take(answer, &mut parts).await {
                return;
            }
        }
    }

    /// Takes an answer in, and adds what is to be asked for next; says whether the round goes on.
    async fn take(&mut self, answer: CallResult, parts: &mut Vec<Vec<usize>>) -> bool {
        match answer {
            CallResult::Given => {}
            CallResult::Over => return false,
            CallResult::Refused(message, places) => parts.extend(self.halve_refused(&message, &places)),
            CallResult::Failed(outcome, places) => {
                let jobs = self.jobs_of(&places);
                if jobs.len() > 1 && self.works {
                    parts.extend(halves(&jobs));
                } else if jobs.len() > 1 {
                    parts.extend(self.ask_for_two(&jobs, true).await);
                } else {
                    self.fail(&places, &outcome);
                    // Nobody knows that the provider is well.
                    self.is_over |= !self.works;
                }
            }
        }
        !self.is_over
    }

    /// Asks for two jobs alone after a call that several share has failed; answers what is to be asked for then.
    async fn ask_for_two(&mut self, jobs: &[Vec<usize>], is_first: bool) -> Vec<Vec<usize>> {
        let [first, rest @ .., last] = jobs else { return Vec::new() };
        let mut failures = 0;
        for job in [first, last] {
            let mut parts = vec![job.clone()];
            while let Some(part) = parts.pop() {
                match self.ask_for(part).await {
                    CallResult::Given => {}
                    CallResult::Over => return Vec::new(),
                    CallResult::Refused(message, places) => parts.extend(self.halve_refused(&message, &places)),
                    CallResult::Failed(outcome, _) => {
                        let undecided: Vec<_> = job.iter().copied().filter(|at| self.told[*at].is_none()).collect();
                        self.fail(&undecided, &outcome);
                        failures += 1;
                        break;
                    }
                }
            }
            if self.is_over {
                return Vec::new();
            }
        }
        if failures == 0 {
            // What fails is among the others.
            return if rest.len() > 1 { halves(rest) } else { rest.to_vec() };
        }
        let rest = rest.concat();
        if failures == 2 && !is_first {
            // Four of four: nobody else is asked for, and each has failed.
            self.fail(&rest, &outcome_of(&self.told, first));
            self.is_over = true;
            return Vec::new();
        }
        if failures == 1 || rest.is_empty() {
            self.is_over = failures == 2;
            return if rest.is_empty() { Vec::new() } else { vec![rest] };
        }
        // Two that fail may have met by chance.
        match self.ask_for(rest).await {
            CallResult::Given | CallResult::Over => Vec::new(),
            CallResult::Refused(message, places) => self.halve_refused(&message, &places),
            CallResult::Failed(outcome, places) => {
                let jobs = self.jobs_of(&places);
                if is_first && jobs.len() > 1 {
                    return Box::pin(self.ask_for_two(&jobs, false)).await;
                }
                self.fail(&places, &outcome);
                self.is_over = true;
                Vec::new()
            }
        }
    }

    /// Makes one call. What its job has lost the lease for is not asked for.
    async fn ask_for(&mut self, places: Vec<usize>) -> CallResult {
        let now = self.world.now_ms();
        let is_held = |at: &usize| self.leases.get(*at).is_some_and(|lease| lease.get() - now >= LEASE_MARGIN_MS);
        let (places, lost): (Vec<usize>, Vec<usize>) = places.into_iter().partition(is_held);
        for at in lost {
            self.told[at] = Some(waits());
        }
        if places.is_empty() {
            return CallResult::Given;
        }
        let left = self.asked.calls_left.get().checked_sub(1).filter(|_| now < self.asked.ends_at);
        let Some(left) = left else {
            self.is_over = true;
            return CallResult::Over;
        };
        self.asked.calls_left.set(left);
        let texts: Vec<&str> = places.iter().filter_map(|at| self.texts.get(*at).copied()).collect();
        let (verdict, call) = call(self.world, self.asked, &texts).await;
        let call = Rc::new(call);
        for at in &places {
            self.calls[*at].push(call.clone());
        }
        match verdict {
            Verdict::Vectors(embeddings) => {
                for (at, vector) in places.into_iter().zip(embeddings.vectors) {
                    self.works |= vector.is_ok();
                    self.told[at] = Some(vector.map_or_else(Embedded::Missing, Embedded::Vector));
                }
                CallResult::Given
            }
            Verdict::Refused(message) => CallResult::Refused(message, places),
            Verdict::Failed(outcome, Blame::AText) => CallResult::Failed(outcome, places),
            Verdict::Failed(outcome, blame) => {
                if let (Blame::Time, Outcome::Failed { retry_after: Some(RetryAfter::Deferral(wait)), .. }) =
                    (blame, &outcome)
                {
                    self.pause = Some(*wait);
                }
                let undecided: Vec<_> = (0..self.told.len()).filter(|at| self.told[*at].is_none()).collect();
                self.fail(&undecided, &outcome);
                self.is_over = true;
                CallResult::Over
            }
        }
    }

    /// A refused text that is alone is the one; of several the halves are asked for.
    fn halve_refused(&mut self, message: &str, places: &[usize]) -> Vec<Vec<usize>> {
        if let [at] = places {
            self.told[*at] = Some(Embedded::Refused(message.to_owned()));
            self.judge_refusals(*at, message);
            return Vec::new();
        }
        let (first, second) = places.split_at(places.len() / 2);
        vec![second.to_vec(), first.to_vec()]
    }

    /// What is refused may be the request rather than its texts: [`EMBED_REFUSALS_MAX`] were, and none has a vector. Then the jobs
    /// with a refused text fail, and the others wait.
    fn judge_refusals(&mut self, at: usize, message: &str) {
        let refused: Vec<_> =
            (0..self.told.len()).filter(|at| matches!(self.told[*at], Some(Embedded::Refused(_)))).collect();
        if self.works || refused.len() < EMBED_REFUSALS_MAX {
            return;
        }
        let outcome = failed(format!("The provider refuses every text: {message}"), None);
        let undecided: Vec<_> = (0..self.told.len()).filter(|at| self.told[*at].is_none()).collect();
        let (own, others): (Vec<_>, Vec<_>) =
            undecided.into_iter().partition(|other| refused.iter().chain([&at]).any(|at| self.is_one_job(*at, *other)));
        self.fail(&own, &outcome);
        for at in others {
            self.told[at] = Some(waits());
        }
        self.is_over = true;
    }

    fn fail(&mut self, places: &[usize], outcome: &Outcome) {
        for at in places {
            self.told[*at] = Some(Embedded::Failed(outcome.clone()));
        }
    }

    fn is_one_job(&self, one: usize, other: usize) -> bool {
        matches!((self.leases.get(one), self.leases.get(other)), (Some(one), Some(other)) if Rc::ptr_eq(one, other))
    }

    /// The places of each job, in the order of their first texts.
    fn jobs_of(&self, places: &[usize]) -> Vec<Vec<usize>> {
        let mut jobs: Vec<Vec<usize>> = Vec::new();
        for at in places {
            let known = jobs.iter_mut().find(|job| job.first().is_some_and(|first| self.is_one_job(*first, *at)));
            match known {
                Some(job) => job.push(*at),
                None => jobs.push(vec![*at]),
            }
        }
        jobs
    }
}

/// What the first of some texts failed of.
fn outcome_of(told: &[Option<Embedded>], places: &[usize]) -> Outcome {
    let failed_of = |at: &usize| match told.get(*at) {
        Some(Some(Embedded::Failed(outcome))) => Some(outcome.clone()),
        _ => None,
    };
    places.iter().find_map(failed_of).unwrap_or_else(|| failed("The provider fails.".into(), None))
}

/// The places of the later half of some jobs, and of the first, which is asked for first.
fn halves(jobs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let (first, second) = jobs.split_at(jobs.len() / 2);
    vec![second.concat(), first.concat()]
}

#[cfg(test)]
mod tests;
