//! A round of calls: requests the texts of several jobs together, so that a failure of one job's texts harms no other
//! job.
//!
//! A refused call is halved until the refused text is alone. After a shared call fails, two of its jobs are requested
//! alone. If both fail, and then two of the others too, the provider is at fault and each job counts a failure;
//! otherwise the jobs are halved until the failing ones are alone. A job counts a failure only if it failed alone, or
//! if the provider is at fault.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::embed::ask::{
    Blame, Call, Embedded, EmbeddedText, EmbeddingRequest, NO_CALLS, Verdict, call, failed, wait_a_while,
};
use crate::limits::{EMBED_REFUSALS_MAX, LEASE_MARGIN_MS};
use crate::model::outcome::{Outcome, RetryAfter};
use crate::ports::{Clock, Http};

/// End of the lease of a text's job; texts that share one cell belong to one job.
pub(crate) type Lease = Rc<Cell<i64>>;

/// The result of a round.
#[derive(Debug)]
pub(crate) struct Round {
    /// Result of each text, in order.
    pub(crate) results: Vec<EmbeddedText>,
    /// True if no further call may be made: the provider failed or asked for time, or no calls are left.
    pub(crate) is_over: bool,
    /// Pause that the provider asked for.
    pub(crate) pause: Option<Duration>,
}

/// The result of one call, with the indexes of its texts.
enum CallResult {
    Given,
    Refused(String, Vec<usize>),
    Failed(Outcome, Vec<usize>),
    /// No further call may be made.
    Over,
}

struct RoundState<'a, W> {
    world: &'a W,
    asked: &'a EmbeddingRequest<'a>,
    texts: &'a [&'a str],
    leases: &'a [Lease],
    results: Vec<Option<Embedded>>,
    calls: Vec<Vec<Rc<Call>>>,
    /// True if the provider has returned a vector in this round.
    works: bool,
    is_over: bool,
    pause: Option<Duration>,
}

/// Requests the vectors of some texts; `leases` are the leases of their jobs.
pub(crate) async fn ask<W: Http + Clock>(
    world: &W,
    asked: &EmbeddingRequest<'_>,
    texts: &[&str],
    leases: &[Lease],
) -> Round {
    let mut state = RoundState {
        world,
        asked,
        texts,
        leases,
        results: vec![None; texts.len()],
        calls: vec![Vec::new(); texts.len()],
        works: false,
        is_over: false,
        pause: None,
    };
    state.run((0..texts.len()).collect()).await;
    // A job that used up the calls alone would do so again, so it fails. In a shared round the responsible job is
    // unknown, so all wait.
    let is_shared = state.jobs_of(&(0..texts.len()).collect::<Vec<_>>()).len() > 1;
    let not_requested =
        || if is_shared { waits() } else { Embedded::Failed(failed(NO_CALLS.into(), Some(wait_a_while()))) };
    let RoundState { results, calls, is_over, pause, .. } = state;
    let results = results.into_iter().map(|result| result.unwrap_or_else(not_requested)).zip(calls).collect();
    Round { results, is_over, pause }
}

/// The result of a text that waits for another attempt; its job counts no failure.
fn waits() -> Embedded {
    let message = "Not requested: a call shared with other jobs failed; the job tries again.".to_owned();
    Embedded::Failed(failed(message, Some(wait_a_while())))
}

impl<W: Http + Clock> RoundState<'_, W> {
    async fn run(&mut self, all: Vec<usize>) {
        let mut parts = vec![all];
        while let Some(part) = parts.pop() {
            let answer = self.request(part).await;
            if !self.take(answer, &mut parts).await {
                return;
            }
        }
    }

    /// Records the result of a call and adds the next texts to request; returns true if the round continues.
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
                    parts.extend(self.request_two_jobs(&jobs, true).await);
                } else {
                    self.fail(&places, &outcome);
                    // The provider may be down: it has returned no vector in this round.
                    self.is_over |= !self.works;
                }
            }
        }
        !self.is_over
    }

    /// Requests two jobs alone after a shared call failed; returns the texts to request next.
    async fn request_two_jobs(&mut self, jobs: &[Vec<usize>], is_first: bool) -> Vec<Vec<usize>> {
        let [first, rest @ .., last] = jobs else { return Vec::new() };
        let mut failures = 0;
        for job in [first, last] {
            let mut parts = vec![job.clone()];
            while let Some(part) = parts.pop() {
                match self.request(part).await {
                    CallResult::Given => {}
                    CallResult::Over => return Vec::new(),
                    CallResult::Refused(message, places) => parts.extend(self.halve_refused(&message, &places)),
                    CallResult::Failed(outcome, _) => {
                        let undecided: Vec<_> = job.iter().copied().filter(|at| self.results[*at].is_none()).collect();
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
            // The failing texts belong to the other jobs.
            return if rest.len() > 1 { halves(rest) } else { rest.to_vec() };
        }
        let rest = rest.concat();
        if failures == 2 && !is_first {
            // Four of four jobs failed: the provider is at fault. The other jobs fail without a call.
            self.fail(&rest, &outcome_of(&self.results, first));
            self.is_over = true;
            return Vec::new();
        }
        if failures == 1 || rest.is_empty() {
            self.is_over = failures == 2;
            return if rest.is_empty() { Vec::new() } else { vec![rest] };
        }
        // Two failing jobs may be a coincidence.
        match self.request(rest).await {
            CallResult::Given | CallResult::Over => Vec::new(),
            CallResult::Refused(message, places) => self.halve_refused(&message, &places),
            CallResult::Failed(outcome, places) => {
                let jobs = self.jobs_of(&places);
                if is_first && jobs.len() > 1 {
                    return Box::pin(self.request_two_jobs(&jobs, false)).await;
                }
                self.fail(&places, &outcome);
                self.is_over = true;
                Vec::new()
            }
        }
    }

    /// Makes one call. Leaves out the texts of jobs that have lost their lease.
    async fn request(&mut self, places: Vec<usize>) -> CallResult {
        let now = self.world.now_ms();
        let is_held = |at: &usize| self.leases.get(*at).is_some_and(|lease| lease.get() - now >= LEASE_MARGIN_MS);
        let (places, lost): (Vec<usize>, Vec<usize>) = places.into_iter().partition(is_held);
        for at in lost {
            self.results[at] = Some(waits());
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
                    self.results[at] = Some(vector.map_or_else(Embedded::Missing, Embedded::Vector));
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
                let undecided: Vec<_> = (0..self.results.len()).filter(|at| self.results[*at].is_none()).collect();
                self.fail(&undecided, &outcome);
                self.is_over = true;
                CallResult::Over
            }
        }
    }

    /// Records a refused text that is alone; splits several texts into halves.
    fn halve_refused(&mut self, message: &str, places: &[usize]) -> Vec<Vec<usize>> {
        if let [at] = places {
            self.results[*at] = Some(Embedded::Refused(message.to_owned()));
            self.check_refusals(*at, message);
            return Vec::new();
        }
        let (first, second) = places.split_at(places.len() / 2);
        vec![second.to_vec(), first.to_vec()]
    }

    /// Decides if the provider refuses the request rather than its texts: [`EMBED_REFUSALS_MAX`] texts were refused and
    /// none has a vector. Then the jobs with a refused text fail, and the others wait.
    fn check_refusals(&mut self, at: usize, message: &str) {
        let refused: Vec<_> =
            (0..self.results.len()).filter(|at| matches!(self.results[*at], Some(Embedded::Refused(_)))).collect();
        if self.works || refused.len() < EMBED_REFUSALS_MAX {
            return;
        }
        let outcome = failed(format!("The provider refuses every text: {message}"), None);
        let undecided: Vec<_> = (0..self.results.len()).filter(|at| self.results[*at].is_none()).collect();
        let (own, others): (Vec<_>, Vec<_>) =
            undecided.into_iter().partition(|other| refused.iter().chain([&at]).any(|at| self.is_one_job(*at, *other)));
        self.fail(&own, &outcome);
        for at in others {
            self.results[at] = Some(waits());
        }
        self.is_over = true;
    }

    fn fail(&mut self, places: &[usize], outcome: &Outcome) {
        for at in places {
            self.results[*at] = Some(Embedded::Failed(outcome.clone()));
        }
    }

    fn is_one_job(&self, one: usize, other: usize) -> bool {
        matches!((self.leases.get(one), self.leases.get(other)), (Some(one), Some(other)) if Rc::ptr_eq(one, other))
    }

    /// Groups indexes by job, in the order of the jobs' first texts.
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

/// The outcome of the first failed text.
fn outcome_of(results: &[Option<Embedded>], places: &[usize]) -> Outcome {
    let failed_of = |at: &usize| match results.get(*at) {
        Some(Some(Embedded::Failed(outcome))) => Some(outcome.clone()),
        _ => None,
    };
    places.iter().find_map(failed_of).unwrap_or_else(|| failed("The provider failed.".into(), None))
}

/// Splits jobs into halves; the last element, the first half, is requested first.
fn halves(jobs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let (first, second) = jobs.split_at(jobs.len() / 2);
    vec![second.concat(), first.concat()]
}

#[cfg(test)]
mod tests;
