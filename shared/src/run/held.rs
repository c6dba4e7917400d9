//! A job that the executor holds under its lease, between the claim and the settlement.

use std::rc::Rc;

use serde::Deserialize;
use url::Url;

use crate::kinds::{Kind, timeout_of};
use crate::limits::{
    EMBED_JOBS_AT_ONCE, IN_FLIGHT_PAYLOAD_BYTES, LEASE_COVERS_MS_MAX, LEASE_MARGIN_MS, REQUESTS_AT_ONCE,
    REQUESTS_PER_DESTINATION,
};
use crate::model::claimed::{Claimed, ClaimedEndpoint};

/// A claimed job. All times are in ms by this Worker's clock.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) job: Rc<Claimed>,
    /// Destination that the limit per destination counts: the authority of the URL, or the service binding.
    pub(crate) destination: String,
    /// Requests to that destination that may run at once.
    pub(crate) connections: usize,
    /// True if its calls to a provider may contain texts of other jobs.
    pub(crate) shares_calls: bool,
    /// Remaining lease that the attempt needs when it starts, in ms: its timeout, at most [`LEASE_COVERS_MS_MAX`].
    pub(crate) timeout_ms: i64,
    /// Deadline of the job, in ms since 1970.
    pub(crate) deadline: Option<i64>,
}

impl Held {
    /// Creates the entry of a job whose claim was sent at `sent_at`. Times left in the claim's answer count from
    /// `sent_at`, so the real ones are never shorter.
    pub(crate) fn new(job: Claimed, sent_at: i64) -> Held {
        job.lease.set(sent_at + (job.lease_until - job.now));
        Held {
            destination: destination_of(&job),
            connections: job.endpoint.as_ref().map_or(REQUESTS_PER_DESTINATION, |endpoint| endpoint.connections),
            shares_calls: Kind::named(&job.kind) == Some(Kind::Embed),
            timeout_ms: i64::from(timeout_of(&job)).saturating_mul(1_000).min(LEASE_COVERS_MS_MAX),
            deadline: job.deadline_at.map(|deadline| sent_at + (deadline - job.now)),
            job: Rc::new(job),
        }
    }

    /// Returns true if the attempt must not start any more: the deadline has passed, or the lease would not cover it.
    pub(crate) fn is_short(&self, now: i64) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now) || now >= self.short_at()
    }

    /// Returns the first time at which the lease no longer covers the attempt and [`LEASE_MARGIN_MS`].
    pub(crate) fn short_at(&self) -> i64 {
        self.job.lease.get() - self.timeout_ms - LEASE_MARGIN_MS + 1
    }

    /// Returns true if a connection is free beside the running jobs.
    pub(crate) fn has_connection_beside(&self, running: &[Held]) -> bool {
        let sharing = running.iter().filter(|other| other.shares_calls).count();
        if self.shares_calls && sharing > 0 { sharing < EMBED_JOBS_AT_ONCE } else { !are_all_taken(running) }
    }

    /// Returns true if its destination and this Worker's memory have room for it beside the running jobs.
    pub(crate) fn has_room_beside(&self, running: &[Held]) -> bool {
        let to_it = running.iter().filter(|other| other.destination == self.destination);
        // Endpoints of one destination may have different limits. The highest one counts while its jobs run, so that the
        // other endpoints are not kept waiting.
        let most = to_it.clone().map(|other| other.connections).fold(self.connections, usize::max);
        (self.shares_calls || to_it.count() < most) && self.fits_beside(running)
    }

    /// Returns true if its payload fits into memory beside those of the running jobs.
    fn fits_beside(&self, running: &[Held]) -> bool {
        let bytes = |held: &Held| held.job.payload_bytes.unwrap_or(0);
        let in_flight: i64 = running.iter().map(bytes).sum();
        bytes(self) == 0 || in_flight == 0 || in_flight + bytes(self) <= IN_FLIGHT_PAYLOAD_BYTES
    }

    /// Returns true if this is the job `id` of `tenant`.
    pub(crate) fn is(&self, tenant: &str, id: &str) -> bool {
        self.job.id == id && self.job.tenant == tenant
    }
}

/// Returns true if running jobs have taken all connections. Jobs that share provider calls use one connection together.
pub(crate) fn are_all_taken(running: &[Held]) -> bool {
    let sharing = running.iter().filter(|held| held.shares_calls).count();
    running.len() - sharing + usize::from(sharing > 0) >= REQUESTS_AT_ONCE
}

fn destination_of(job: &Claimed) -> String {
    #[derive(Deserialize)]
    struct Bare {
        url: Option<String>,
    }
    let bare = || job.payload.as_deref().and_then(|payload| serde_json::from_str::<Bare>(payload).ok()?.url);
    let place = |endpoint: &ClaimedEndpoint| endpoint.service.as_ref().unwrap_or(&endpoint.url).clone();
    // The name of a service binding is not a URL and counts unchanged.
    let url = job.endpoint.as_ref().map(place).or_else(bare).unwrap_or_default();
    Url::parse(&url).map_or(url.clone(), |parsed| parsed.authority().to_owned())
}
