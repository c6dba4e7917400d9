//! Event handling of an invocation: the end of a claim, an attempt, a flush, a heartbeat, a release or a timer.

use super::{Invocation, LoopEvent};
use crate::limits::LEASE_MS;
use crate::model::claimed::Claimed;
use crate::model::job::JobRef;
use crate::ports::{DatabaseError, World};
use crate::run::held::Held;
use crate::wire::daily_limit::DailyLimit;

impl<W: World> Invocation<'_, W> {
    /// Updates the state of the invocation after an event.
    pub(super) fn take(&mut self, event: LoopEvent) {
        match event {
            LoopEvent::Claimed { asked, answer, sent_at } => self.take_claim(&asked, answer, sent_at),
            LoopEvent::Attempted(finished) => {
                self.report.attempts += 1;
                let ended = |held: &Held| held.is(&finished.settlement.tenant, &finished.settlement.id);
                if let Some(at) = self.running.iter().position(ended) {
                    self.unsettled.push(self.running.swap_remove(at));
                }
                self.ready.push(*finished);
            }
            LoopEvent::Flushed(flushed) => {
                self.under_way.flush = false;
                self.report.settled += flushed.settled;
                self.report.lost += flushed.lost;
                self.report.database_lost |= flushed.database_lost;
                if let Some(limit) = flushed.limit {
                    self.stop_for(limit);
                }
                let ready = &self.ready;
                let waits =
                    |held: &Held| ready.iter().any(|done| held.is(&done.settlement.tenant, &done.settlement.id));
                self.unsettled.retain(waits);
            }
            LoopEvent::Beaten { renewed, sent_at } => {
                self.under_way.heartbeat = false;
                for held in self.running.iter_mut().chain(&mut self.unsettled) {
                    if renewed.iter().any(|job| held.is(&job.tenant, &job.id)) {
                        held.job.lease.set(sent_at + LEASE_MS);
                    }
                }
            }
            LoopEvent::Released => self.under_way.releases -= 1,
            LoopEvent::Shared => self.under_way.shares -= 1,
            LoopEvent::Woken => self.wake_at = None,
        }
    }

    fn take_claim(&mut self, asked: &[JobRef], answer: Result<Vec<Claimed>, DatabaseError>, sent_at: i64) {
        self.under_way.claim = false;
        let claimed = match answer {
            Ok(claimed) => claimed,
            Err(DatabaseError::DailyLimit(limit)) => return self.stop_for(limit),
            Err(error) => {
                tracing::error!(%error, jobs = asked.len(), "claim_failed");
                self.report.database_lost = true;
                self.leftover.extend_from_slice(asked);
                Vec::new()
            }
        };
        for job in asked {
            if !claimed.iter().any(|claimed| claimed.tenant == job.tenant && claimed.id == job.id) {
                self.report.unclaimed.push(job.clone());
            }
        }
        // A flush may have met a daily limit during the claim: outcomes could not be recorded, so the jobs do not
        // start.
        if self.report.limit.is_none() {
            self.claim_size.note(asked.len(), &claimed, self.world.now_ms());
            self.waiting.extend(claimed.into_iter().map(|job| Held::new(job, sent_at)));
        }
    }

    /// Ends the work of the day. Nothing more is claimed, and claimed jobs that have not started are not sent, because
    /// their outcomes could not be recorded. Their leases expire.
    fn stop_for(&mut self, limit: DailyLimit) {
        let unsent = self.waiting.len();
        tracing::error!(limit = limit.name(), unsent, "invocation_stopped_by_daily_limit");
        self.report.limit = Some(limit);
        self.waiting.clear();
    }
}
