//! Objects of jobs. The bulk of a large payload is an object beside its row, `payloads/{job id}/{tenant}`. The vectors
//! that a job created are in `payloads/{job id}/{tenant}.vectors`.
//!
//! An object is put before its row and deleted after it, so a row never lacks its object. Objects that a crash leaves
//! without a row are found by [`crate::sweep::orphans`]. Every job owns its object, even a replay, so no other job
//! needs to be checked before a deletion.

use crate::limits::{OBJECTS_MS_MAX, OBJECTS_PER_DELETE, PAYLOAD_GET_MS, PAYLOAD_PUT_MS};
use crate::model::claimed::Claimed;
use crate::model::job::JobRef;
use crate::model::outcome::Outcome;
use crate::ports::{BlobError, Blobs, Clock};
use crate::store::within;
use crate::wire::problem::Problem;

/// Prefix of every key.
pub const PREFIX: &str = "payloads/";

/// Returns the key of a job's object. Keys sort by job id, which is the order of time.
pub fn key(job: &JobRef) -> String {
    format!("{PREFIX}{}/{}", job.id, job.tenant)
}

/// Returns the job of a key; `None` if the key does not name the object of a job.
pub fn job_of(key: &str) -> Option<JobRef> {
    let (id, tenant) = key.strip_suffix(VECTORS).unwrap_or(key).strip_prefix(PREFIX)?.split_once('/')?;
    Some(JobRef { tenant: tenant.to_owned(), id: id.to_owned() })
}

/// Puts the object of a job.
///
/// Safe to repeat: it puts the same bytes under the same key.
///
/// # Errors
/// `Unavailable`. The row must not be written then.
pub async fn put<W: Blobs + Clock>(world: &W, job: &JobRef, bytes: &[u8]) -> Result<(), Problem> {
    put_object(world, &key(job), bytes).await.map_err(|error| {
        tracing::error!(error, job = job.id, "payload_put_failed");
        Problem::Unavailable
    })
}

/// Puts an object. The error is its reason in one line.
pub(crate) async fn put_object<W: Blobs + Clock>(world: &W, key: &str, bytes: &[u8]) -> Result<(), String> {
    match within(world, PAYLOAD_PUT_MS, world.put(key, bytes)).await {
        Some(put) => put.map_err(|error| error.to_string()),
        None => Err(format!("no answer within {PAYLOAD_PUT_MS} ms")),
    }
}

/// Suffix of the key of a job's vectors. No tenant name contains a dot.
const VECTORS: &str = ".vectors";

/// Returns the key of the vectors that a job created.
pub fn vectors_key(job: &JobRef) -> String {
    format!("{}{VECTORS}", key(job))
}

/// Returns the keys of all objects that a job may own: its payload and its vectors.
pub fn keys(job: &JobRef) -> [String; 2] {
    [key(job), vectors_key(job)]
}

/// Puts the vectors that a job created.
///
/// Safe to repeat: it overwrites the one object of the job.
///
/// # Errors
/// The outcome of the attempt.
pub(crate) async fn put_vectors<W: Blobs + Clock>(world: &W, job: &Claimed, bytes: &[u8]) -> Result<(), Outcome> {
    let put = put_object(world, &vectors_key(&job.job()), bytes).await;
    put.inspect_err(|error| tracing::error!(error, job = job.id, "vectors_put_failed"))
        .map_err(|_| job.store_failed("The vectors could not be written to the object store."))
}

/// Reads the object of a job; `None` if there is none.
///
/// # Errors
/// When the object store fails or does not answer.
pub async fn get<W: Blobs + Clock>(world: &W, job: &JobRef) -> Result<Option<Vec<u8>>, BlobError> {
    get_object(world, &key(job)).await
}

/// Reads the vectors of a job; `None` if there are none.
///
/// # Errors
/// When the object store fails or does not answer.
pub async fn get_vectors<W: Blobs + Clock>(world: &W, job: &JobRef) -> Result<Option<Vec<u8>>, BlobError> {
    get_object(world, &vectors_key(job)).await
}

pub(crate) async fn get_object<W: Blobs + Clock>(world: &W, key: &str) -> Result<Option<Vec<u8>>, BlobError> {
    let silent = || Err(BlobError(format!("no answer within {PAYLOAD_GET_MS} ms")));
    within(world, PAYLOAD_GET_MS, world.get(key)).await.unwrap_or_else(silent)
}

/// Deletes the objects of jobs whose rows are deleted. Objects that cannot be deleted now are orphans, which a later
/// walk deletes.
pub(crate) async fn remove<W: Blobs + Clock>(world: &W, jobs: &[JobRef]) {
    let keys: Vec<_> = jobs.iter().flat_map(keys).collect();
    for keys in keys.chunks(OBJECTS_PER_DELETE) {
        // Safe to repeat: missing objects count as deleted, and no id is used twice.
        match within(world, OBJECTS_MS_MAX, world.delete(keys)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(%error, "objects_delete_failed"),
            None => tracing::warn!(timeout_ms = OBJECTS_MS_MAX, "objects_delete_timed_out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::job::mint_id;

    #[test]
    fn a_key_names_its_job_and_keys_are_in_the_order_of_time() {
        let job = |ms, tenant: &str| JobRef { tenant: tenant.into(), id: mint_id(ms, 7) };
        let (first, second) = (job(1_000, "zulu"), job(1_001, "acme"));
        assert!(key(&first) < key(&second));
        assert_eq!(job_of(&key(&first)), Some(first));
        for text in ["", "evidence/2026-11-02/x", "payloads/job"] {
            assert_eq!(job_of(text), None, "{text}");
        }
        assert_eq!(job_of(&vectors_key(&second)), Some(second));
    }
}
