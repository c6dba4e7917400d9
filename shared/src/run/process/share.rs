//! Share of an invocation: how many of its jobs it keeps, and in which parts it leaves the others to other invocations.
//!
//! A batch names up to 10,000 jobs. To receivers that take 200 ms they take one invocation 400 s, and twenty of them 20 s.

use super::{Invocation, LoopEvent};
use crate::limits::BATCH_MESSAGES_MAX;
use crate::model::hint::Hint;
use crate::ports::World;
use crate::run::held::are_all_taken;
use crate::store::notify::send_hints_of;

/// Time over which the pace is measured. The first measurement does not count: a new isolate is slower than it will be.
const MEASURE_MS: i64 = 1_000;
/// Work in seconds above which jobs are left to other invocations. A part has less and is not divided again, unless
/// [`PARTS_MAX`] made it larger.
const WORK_SECONDS_MAX: usize = 30;
/// Work of one part in seconds, which is long beside the start of an invocation.
const PART_SECONDS: usize = 10;
/// Maximum parts of one batch, with the part that is kept.
const PARTS_MAX: usize = 20;
/// Ended jobs a second below which all jobs are kept. Receivers so slow would take every consumer from the others.
const PACE_MIN: usize = 5;

impl<W: World> Invocation<'_, W> {
    /// Sends hints for jobs that other invocations should run: those beyond the limit of this one, as soon as a claim has
    /// shown that jobs can run, and those that it would finish too late by its pace while all of its connections are busy.
    /// More invocations would not help a destination that is at its own limit.
    pub(super) fn share_out(&mut self) {
        let now = self.world.now_ms();
        // After a daily limit or without a database no hint is needed: see [`Report`](super::Report).
        let is_over = self.report.limit.is_some() || self.report.database_lost;
        if is_over || self.pending.is_empty() {
            return;
        }
        let room = self.settings.plan.jobs_per_invocation.saturating_sub(self.claims);
        if self.claim_size.has_claimed() && self.pending.len() > room {
            // One send: the outcomes of this invocation still need calls.
            self.leave(room, self.pending.len());
        }
        if now < self.pace.measure_at() {
            return;
        }
        let Some(pace) = self.pace.measure(self.report.attempts, now) else { return };
        let named = self.pending.len();
        let part = if are_all_taken(&self.running) { part(named, pace) } else { named };
        if part < named {
            self.leave(part, part);
        }
    }

    /// Sends hints for all pending jobs but the first `kept`, in parts of `part` jobs.
    fn leave(&mut self, kept: usize, part: usize) {
        let others: Vec<_> = self.pending.split_off(kept).into();
        tracing::info!(kept, others = others.len(), "jobs_shared_out");
        self.under_way.shares += 1;
        let (world, queue, hint_jobs) = (self.world, self.queue, self.settings.plan.hint_jobs);
        self.events.push(Box::pin(async move {
            for jobs in others.chunks(part) {
                let hints = jobs.iter().map(|job| Hint::now(job.clone(), queue)).collect();
                // Safe to repeat: a hint promises nothing. A lost one only adds latency, because the sweep finds the jobs.
                send_hints_of(world, jobs_per_hint(jobs.len(), hint_jobs), hints).await;
            }
            LoopEvent::Shared
        }));
    }
}

/// Measured pace of an invocation.
#[derive(Debug)]
pub(super) struct Pace {
    began_at: i64,
    /// Time and number of ended jobs of the last measurement.
    last: (i64, usize),
}

impl Pace {
    /// Starts the clock of an invocation.
    pub(super) fn begin(now: i64) -> Pace {
        Pace { began_at: now, last: (now, 0) }
    }

    /// Returns the time of the next measurement.
    pub(super) fn measure_at(&self) -> i64 {
        self.last.0 + MEASURE_MS
    }

    /// Returns the ended jobs a second since the last measurement; `None` for the first one.
    fn measure(&mut self, ended: usize, now: i64) -> Option<usize> {
        let (measured_at, before) = std::mem::replace(&mut self.last, (now, ended));
        let elapsed = usize::try_from(now - measured_at).unwrap_or(0);
        (measured_at > self.began_at).then(|| (ended - before) * 1_000 / elapsed.max(1))
    }
}

/// Returns the jobs of one message of a part of `jobs` jobs: as few as fill a batch, which the queue delivers at once and
/// not after a second. Messages of a single job would cost more than that is worth.
fn jobs_per_hint(jobs: usize, hint_jobs: usize) -> usize {
    if jobs <= BATCH_MESSAGES_MAX { hint_jobs } else { jobs.div_ceil(BATCH_MESSAGES_MAX).min(hint_jobs) }
}

/// Returns the jobs of each part if `pending` jobs are divided at `pace` jobs a second: all of them if they end soon.
fn part(pending: usize, pace: usize) -> usize {
    if pace < PACE_MIN || pending <= pace * WORK_SECONDS_MAX {
        return pending;
    }
    let parts = pending.div_ceil(pace * PART_SECONDS).min(PARTS_MAX);
    pending.div_ceil(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_soon_or_slowly_is_kept() {
        assert_eq!([part(750, 25), part(10_000, PACE_MIN - 1), part(10_000, 0)], [750, 10_000, 10_000]);
    }

    /// Receivers that take 200 ms get 25 jobs a second from five connections.
    #[test]
    fn parts_are_equal_and_not_divided_again() {
        assert_eq!([part(751, 25), part(10_000, 25), part(10_000, 200)], [188, 500, 2_000]);
        assert_eq!(part(500, 25), 500);
    }

    #[test]
    fn messages_fill_a_batch_with_two_jobs_or_more_each() {
        assert_eq!([20, 100, 101, 500, 4_500, 20_000].map(|jobs| jobs_per_hint(jobs, 100)), [100, 100, 2, 5, 45, 100]);
        assert_eq!(jobs_per_hint(20, 5), 5, "20 jobs of the free plan");
    }

    #[test]
    fn the_pace_is_that_of_the_last_second_and_the_first_does_not_count() {
        let mut pace = Pace::begin(0);
        assert_eq!((pace.measure_at(), pace.measure(40, 1_000)), (1_000, None));
        assert_eq!((pace.measure_at(), pace.measure(540, 2_000)), (2_000, Some(500)));
        assert_eq!(pace.measure(740, 4_000), Some(100));
    }
}
