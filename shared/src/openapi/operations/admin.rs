//! API keys, quotas, and the deployment.

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
    describe(KEYS, "Creates an API key", "The token is shown only once; only its hash is stored.")
        .also_root()
        .takes(&["Longshore-Tenant", "tenant"])
        .reads::<KeyRequest>(examples::keys())
        .answers::<CreatedKey>(201, "The key and its token.", examples::created_key())
}

pub(super) fn list_keys() -> OperationDoc {
    describe(KEYS, "Lists API keys", "Includes revoked and expired keys, without their tokens.")
        .also_root()
        .takes(&["Longshore-Tenant", "tenant"])
        .pages()
        .answers_page::<Key>("A page of keys.", &examples::key())
}

pub(super) fn revoke_key() -> OperationDoc {
    describe(KEYS, "Revokes an API key", "Takes effect with the next statement. Idempotent.")
        .also_root()
        .takes(&["Longshore-Tenant", "tenant"])
        .answers_nothing("The key is revoked.")
}

pub(super) fn read_quota() -> OperationDoc {
    describe(
        KEYS,
        "Reads a tenant's quota",
        "The maximum number of jobs per day for all keys of the tenant, and the number accepted today.",
    )
    .of_tenant()
    .answers::<Quota<'_>>(200, "The quota.", examples::quota())
}

pub(super) fn put_quota() -> OperationDoc {
    let about = "Limits all keys of the tenant together, from the next request on. A request, or each 500 lines of \
                 one, is accepted completely as long as the quota is not reached; replays and jobs of schedules do not \
                 count. Requires a key for all tenants.";
    describe(KEYS, "Sets a tenant's quota", about).reads::<QuotaRequest>(examples::quotas()).answers::<Quota<'_>>(
        200,
        "The quota.",
        examples::quota(),
    )
}

/// An operation that requires a key for all tenants.
fn for_all(summary: &'static str, description: &'static str) -> OperationDoc {
    describe(DEPLOYMENT, summary, description)
}

pub(super) fn list_malformed_messages() -> OperationDoc {
    for_all(
        "Lists malformed messages",
        "Queue messages that cannot be read, with their bytes. Requires a key for all tenants.",
    )
    .pages()
    .answers_page::<MalformedMessage>("A page of malformed messages.", &examples::malformed_message())
}

pub(super) fn pause() -> OperationDoc {
    for_all("Pauses the pipeline", "Jobs are still accepted, but held. Requires a key for all tenants.")
        .answers::<Paused>(200, "The pipeline is paused.", examples::paused(true))
}

pub(super) fn resume() -> OperationDoc {
    for_all("Resumes the pipeline", "Held jobs run again. Requires a key for all tenants.").answers::<Paused>(
        200,
        "The pipeline runs.",
        examples::paused(false),
    )
}

pub(super) fn restored() -> OperationDoc {
    let about = "Completes a point-in-time restore, after a deployment with a higher EPOCH. Until then nothing is \
                 accepted or sent. Idempotent. Requires a key for all tenants.";
    for_all("Completes a restore", about)
        .reads::<RestoredRequest>(examples::restored_requests())
        .answers::<Restored>(200, "The database has this deployment's epoch.", examples::restored())
        .refuses([illegal("The database has epoch 2; deploy with a higher EPOCH than 2, got 1.")])
}

pub(super) fn health() -> OperationDoc {
    describe(DEPLOYMENT, "Reports that the Worker runs", "Checks nothing else.").answers::<Health>(
        200,
        "The Worker runs.",
        json!(Health::OK),
    )
}

pub(super) fn readiness() -> OperationDoc {
    describe(
        DEPLOYMENT,
        "Reports if the pipeline works",
        "Checks the database and the cron ticks, at most once in ten seconds.",
    )
    .answers::<Readiness>(200, "The pipeline works.", examples::readiness(true))
    .answers::<Readiness>(503, "The pipeline does not work.", examples::readiness(false))
    .refuses([Problem::Unavailable])
}
