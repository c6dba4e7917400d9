//! A job under our lease, between its claim and its settlement, as the executor keeps it.

use serde::Deserialize;
use url::Url;

use crate::claim::{Claimed, ClaimedEndpoint};
use crate::jobs::timeout_of;
use crate::limits::{IN_FLIGHT_PAYLOAD_BYTES, LEASE_COVERS_MS_MAX};

/// A claimed job. Times are this worker's clock.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) job: Claimed,
    /// What the limit per destination counts: the authority of the URL, or the service binding.
    pub(crate) destination: String,
    /// What is left of the lease when the attempt starts: its timeout, unless that is longer than a lease covers.
    pub(crate) timeout_ms: i64,
    /// When the lease ends, never later than it does by the database's clock.
    pub(crate) lease_until: i64,
    /// When the job's deadline passes, likewise.
    pub(crate) deadline: Option<i64>,
}

impl Held {
    /// A job whose claim was sent at `sent_at`: what was left when the claim was read is left from then, at the least.
    pub(crate) fn new(job: Claimed, sent_at: i64) -> Held {
        Held {
            destination: destination_of(&job),
            timeout_ms: i64::from(timeout_of(&job)).saturating_mul(1_000).min(LEASE_COVERS_MS_MAX),
            lease_until: sent_at + (job.lease_until - job.now),
            deadline: job.deadline_at.map(|deadline| sent_at + (deadline - job.now)),
            job,
        }
    }

    /// How statements name this attempt.
    pub(crate) fn attempt(&self) -> (String, String, u32) {
        (self.job.tenant.clone(), self.job.id.clone(), self.job.attempt)
    }

    /// Whether its payload fits into memory beside those of the jobs that run.
    pub(crate) fn fits_beside(&self, running: &[Held]) -> bool {
        let bytes = |held: &Held| held.job.payload_bytes.unwrap_or(0);
        let in_flight: i64 = running.iter().map(bytes).sum();
        bytes(self) == 0 || in_flight == 0 || in_flight + bytes(self) <= IN_FLIGHT_PAYLOAD_BYTES
    }

    /// Whether it is that job.
    pub(crate) fn is(&self, tenant: &str, id: &str) -> bool {
        self.job.id == id && self.job.tenant == tenant
    }
}

fn destination_of(job: &Claimed) -> String {
    #[derive(Deserialize)]
    struct Bare {
        url: Option<String>,
    }
    let bare = || job.payload.as_deref().and_then(|payload| serde_json::from_str::<Bare>(payload).ok()?.url);
    let place = |endpoint: &ClaimedEndpoint| endpoint.service.as_ref().unwrap_or(&endpoint.url).clone();
    // The name of a service is no URL, and counts as it is.
    let url = job.endpoint.as_ref().map(place).or_else(bare).unwrap_or_default();
    Url::parse(&url).map_or(url.clone(), |parsed| parsed.authority().to_owned())
}
