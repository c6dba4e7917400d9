//! Keys, the pipeline as a whole, and what anybody may ask.

use serde_json::json;

use super::{DEPLOYMENT, KEYS, illegal};
use crate::accept::quotas::{Quota, QuotaRequest};
use crate::manage::health::{Health, Readiness};
use crate::manage::keys::{CreatedKey, Key, KeyRequest};
use crate::manage::malformed_messages::MalformedMessage;
use crate::manage::operate::{Paused, Restored, RestoredRequest};
use crate::openapi::describe::{OperationDoc, describe};
use crate::openapi::examples;
use crate::wire::problem::Problem;

pub(super) fn create_key() -> OperationDoc {
    describe(KEYS, "Makes an API key", "The token is shown this once; only its hash is kept.")
        .also_root()
        .takes(&["Longshore-Tenant", "tenant"])
        .reads::<KeyRequest>(examples::keys())
        .answers::<CreatedKey>(201, "The key and its token.", examples::created_key())
}

pub(super) fn list_keys() -> OperationDoc {
    describe(KEYS, "Lists API keys", "Without their tokens, revoked and expired ones too.")
        .also_root()
        .takes(&["Longshore-Tenant", "tenant"])
        .pages()
        .answers_page::<Key>("A page of keys.", &examples::key())
}

pub(super) fn revoke_key() -> OperationDoc {
    describe(KEYS, "Revokes an API key", "It stops with the next statement. Doing it again changes nothing.")
        .also_root()
        .takes(&["Longshore-Tenant", "tenant"])
        .answers_nothing("It is revoked.")
}

pub(super) fn read_quota() -> OperationDoc {
    describe(
        KEYS,
        "Shows a tenant's quota",
        "How many jobs its keys may have accepted in a day, and had accepted today.",
    )
    .of_tenant()
    .answers::<Quota<'_>>(200, "The quota.", examples::quota())
}

pub(super) fn put_quota() -> OperationDoc {
    let about = "It bounds all keys of the tenant together, from the next request on. A request, or 500 lines of one, is \
                 accepted whole while the quota is not reached; jobs of schedules and replays are not counted. Only a key for all tenants may.";
    describe(KEYS, "Sets a tenant's quota", about).reads::<QuotaRequest>(examples::quotas()).answers::<Quota<'_>>(
        200,
        "The quota.",
        examples::quota(),
    )
}

/// Only a key for all tenants may.
fn for_all(summary: &'static str, description: &'static str) -> OperationDoc {
    describe(DEPLOYMENT, summary, description)
}

pub(super) fn list_malformed_messages() -> OperationDoc {
    for_all(
        "Lists malformed messages",
        "Queue messages that cannot be read, with their bytes. Only a key for all tenants may.",
    )
    .pages()
    .answers_page::<MalformedMessage>("A page of malformed messages.", &examples::malformed_message())
}

pub(super) fn pause() -> OperationDoc {
    for_all("Pauses the whole pipeline", "Jobs are accepted and held. Only a key for all tenants may.")
        .answers::<Paused>(200, "It is paused.", examples::paused(true))
}

pub(super) fn resume() -> OperationDoc {
    for_all("Resumes the whole pipeline", "Held jobs run again. Only a key for all tenants may.").answers::<Paused>(
        200,
        "It runs.",
        examples::paused(false),
    )
}

pub(super) fn restored() -> OperationDoc {
    let about = "After a point-in-time restore, and after a deployment with a higher EPOCH: until then nothing is accepted or sent. \
                 Repeating it changes nothing. Only a key for all tenants may.";
    for_all("Tells that the store was restored", about)
        .reads::<RestoredRequest>(examples::restored_requests())
        .answers::<Restored>(200, "The store is of this deployment's epoch.", examples::restored())
        .refuses([illegal("The store is of epoch 2: deploy with an EPOCH above it, not with 1.")])
}

pub(super) fn health() -> OperationDoc {
    describe(DEPLOYMENT, "Whether the Worker runs", "It asks nothing else.").answers::<Health>(
        200,
        "It runs.",
        json!(Health::OK),
    )
}

pub(super) fn readiness() -> OperationDoc {
    describe(
        DEPLOYMENT,
        "Whether the pipeline works",
        "The store answers and the crons tick; read once in ten seconds.",
    )
    .answers::<Readiness>(200, "It works.", examples::readiness(true))
    .answers::<Readiness>(503, "It does not.", examples::readiness(false))
    .refuses([Problem::Unavailable])
}
