//! A job under a lease, with the values that its attempt needs.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use serde::Deserialize;

use crate::limits::{PAYLOAD_WAIT_DOUBLINGS, PAYLOAD_WAIT_SECONDS};
use crate::model::backoff::{RetrySchedule, doubled_wait};
use crate::model::endpoint::{EndpointState, EvidencePolicy};
use crate::model::job::{AttemptRef, JobRef};
use crate::model::outcome::{ErrorClass, Outcome, RetryAfter};
use crate::security::redact::Redaction;
use crate::security::signing::{SealedSecret, SecretVersion, SigningSecret};

/// A job under a lease of this Worker, with the values that its attempt needs. `read_claimed.sql` lists the fields that
/// are read in this order, also those of [`ClaimedEndpoint`].
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Claimed {
    pub tenant: String,
    pub id: String,
    pub kind: String,
    /// Name of the endpoint; empty for a bare URL.
    pub endpoint_id: String,
    pub event_id: Option<String>,
    pub group: Option<String>,
    /// 1 if a group or an action counts the job.
    pub counted: u8,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    pub failures: u32,
    pub quarantined: u8,
    pub max_attempts: u32,
    pub backoff: RetrySchedule,
    pub deadline_at: Option<i64>,
    /// Time at which the job was accepted, or for which it was scheduled.
    pub due_at: i64,
    /// End of the lease at the claim, in ms by the database's clock.
    pub lease_until: i64,
    /// End of the lease by this Worker's clock, never later than by the database's. Heartbeats move it.
    #[serde(skip)]
    pub lease: Rc<Cell<i64>>,
    /// Time of the database's clock when the claim was read.
    pub now: i64,
    pub payload: Option<String>,
    /// Size in bytes of the object with the bulk of the payload.
    pub payload_bytes: Option<i64>,
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
    /// Number of jobs before it in a chain of jobs that created one another.
    pub hops: u32,
    pub endpoint: Option<ClaimedEndpoint>,
    /// Signing secrets of its endpoint, or of its tenant, as they are stored.
    pub secrets: Vec<SealedSecret>,
    /// Opened secrets, `None` if the keys do not open them. The jobs of a claim with the same secrets share them, because
    /// opening one costs as much as a signature.
    #[serde(skip)]
    pub opened: Rc<OnceCell<Option<Vec<SigningSecret>>>>,
}

/// The endpoint of a claimed job.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct ClaimedEndpoint {
    pub state: EndpointState,
    /// The URL; for a service binding, its path.
    pub url: String,
    pub service: Option<String>,
    pub headers: Vec<(String, String)>,
    pub timeout_seconds: u32,
    /// Requests that one invocation sends to it at once.
    pub connections: usize,
    pub evidence: EvidencePolicy,
    pub keep_payload: u8,
    pub dead_letter_on: Vec<ErrorClass>,
    pub redact: Redaction,
    pub secret_version: u32,
    pub rotated_at: Option<i64>,
}

impl Claimed {
    /// Returns the reference that statements use.
    pub fn job(&self) -> JobRef {
        JobRef { tenant: self.tenant.clone(), id: self.id.clone() }
    }

    /// Returns the version of the secret that signs. A tenant's default secret has one version only.
    pub fn secret_version(&self) -> SecretVersion {
        self.endpoint.as_ref().map_or(SecretVersion::FIRST, |endpoint| SecretVersion {
            number: endpoint.secret_version,
            rotated_at: endpoint.rotated_at,
        })
    }

    /// Returns true if the claim read the secret that signs the job. False if it has not been created yet, or the
    /// database failed.
    pub(crate) fn has_secret(&self) -> bool {
        let current = self.secret_version().number;
        self.secrets.iter().any(|stored| stored.secret_version == current)
    }

    /// Returns the reference to this attempt that statements use.
    pub fn attempt(&self) -> AttemptRef {
        AttemptRef { job: self.job(), number: self.attempt }
    }

    /// Returns the `webhook-id`, which is the same for all retries and replays.
    pub fn event_id(&self) -> &str {
        self.event_id.as_deref().unwrap_or(&self.id)
    }

    /// Returns the outcome of an attempt that failed because of a store. The job waits, twice as long each time,
    /// and the attempt does not count as a failure. `message` is one line that may be shown to callers.
    pub(crate) fn store_failed(&self, message: &str) -> Outcome {
        let wait = doubled_wait(self.attempt, PAYLOAD_WAIT_SECONDS, PAYLOAD_WAIT_DOUBLINGS);
        let retry_after = Some(RetryAfter::Deferral(wait));
        Outcome::Failed { class: ErrorClass::Internal, message: message.to_owned(), retry_after }
    }
}
