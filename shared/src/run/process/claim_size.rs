//! Number of jobs to claim next: it doubles while the jobs of each claim start soon.

use crate::limits::{CLAIM_BELOW, CLAIM_BYTES, CLAIM_FIRST, CLAIM_MAX, CLAIM_STARTED_MS};
use crate::model::claimed::Claimed;

/// The last claim, from which the size of the next one follows.
#[derive(Debug, Default)]
pub(super) struct ClaimSize {
    /// Jobs that it asked for.
    jobs: usize,
    /// Bytes of the payloads that it returned.
    bytes: usize,
    /// Time of its answer; `None` before the first claim.
    answered_at: Option<i64>,
}

impl ClaimSize {
    /// True after the first answer of a claim.
    pub(super) fn has_claimed(&self) -> bool {
        self.answered_at.is_some()
    }

    /// Notes the answer of a claim that asked for this number of jobs.
    pub(super) fn note(&mut self, jobs: usize, claimed: &[Claimed], now: i64) {
        let bytes = claimed.iter().map(|job| job.payload.as_ref().map_or(0, String::len)).sum();
        *self = ClaimSize { jobs, bytes, answered_at: Some(now) };
    }

    /// Returns the number of jobs to claim while `waiting` jobs wait to start: none if enough wait. `is_blocked` returns
    /// true if busy destinations block all of them; then a first claim finds jobs for others.
    pub(super) fn wanted(&self, waiting: usize, now: i64, is_blocked: impl FnOnce() -> bool) -> usize {
        if waiting < CLAIM_BELOW.max(self.jobs / 4) {
            self.next(now)
        } else if waiting < CLAIM_FIRST && is_blocked() {
            CLAIM_FIRST
        } else {
            0
        }
    }

    fn next(&self, now: i64) -> usize {
        let started_soon = self.answered_at.is_some_and(|at| now - at <= CLAIM_STARTED_MS);
        if !started_soon {
            return CLAIM_FIRST;
        }
        let of_bytes = CLAIM_BYTES * self.jobs / self.bytes.max(1);
        (self.jobs * 2).min(CLAIM_MAX).min(of_bytes).max(CLAIM_FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(jobs: usize, bytes: usize) -> ClaimSize {
        ClaimSize { jobs, bytes, answered_at: Some(0) }
    }

    #[test]
    fn claims_double_while_their_jobs_start_soon() {
        let free = || false;
        assert_eq!(ClaimSize::default().wanted(0, 0, free), CLAIM_FIRST);
        assert_eq!(last(20, 0).wanted(0, CLAIM_STARTED_MS, free), 40);
        assert_eq!(last(80, 0).wanted(0, CLAIM_STARTED_MS, free), CLAIM_MAX);
        assert_eq!(last(80, 0).wanted(0, CLAIM_STARTED_MS + 1, free), CLAIM_FIRST);
    }

    #[test]
    fn large_payloads_keep_claims_small() {
        assert_eq!(last(40, 40 * 30_000).next(0), CLAIM_BYTES / 30_000);
        assert_eq!(last(20, 20 * 65_536).next(0), 32);
        assert_eq!(last(20, 20 * 200_000).next(0), CLAIM_FIRST);
    }

    #[test]
    fn a_claim_waits_until_few_jobs_wait_or_all_are_blocked() {
        let wanted = |jobs, waiting, blocked| last(jobs, 0).wanted(waiting, 0, || blocked);
        assert_eq!([4, 5].map(|waiting| wanted(20, waiting, false)), [40, 0]);
        assert_eq!([24, 25].map(|waiting| wanted(100, waiting, false)), [CLAIM_MAX, 0]);
        assert_eq!([19, 20].map(|waiting| wanted(20, waiting, true)), [CLAIM_FIRST, 0]);
    }
}
