//! The claim check: the bulk of a large payload is an object of its own, `payloads/{job id}/{tenant}`. The vectors that a job made
//! are beside it, `payloads/{job id}/{tenant}.vectors`.
//!
//! It is put before its row and leaves after it, so a row never lacks its object; what a crash leaves in between is found by
//! [`crate::sweep::orphans`]. Every job owns its object, also a replay: removal asks nobody.

use crate::limits::{OBJECTS_MS_MAX, OBJECTS_PER_DELETE, PAYLOAD_GET_MS, PAYLOAD_PUT_MS};
use crate::model::claimed::Claimed;
use crate::model::job::JobRef;
use crate::model::outcome::Outcome;
use crate::ports::{BlobError, Blobs, Clock};
use crate::store::within;
use crate::wire::problem::Problem;

/// What every key begins with.
pub const PREFIX: &str = "payloads/";

/// The key of a job's object. Keys are in the order of the ids, which is that of time.
pub fn key(job: &JobRef) -> String {
    format!("{PREFIX}{}/{}", job.id, job.tenant)
}

/// The job of a key; `None` if it is none of ours.
pub fn job_of(key: &str) -> Option<JobRef> {
    let (id, tenant) = key.strip_suffix(VECTORS).unwrap_or(key).strip_prefix(PREFIX)?.split_once('/')?;
    Some(JobRef { tenant: tenant.to_owned(), id: id.to_owned() })
}

/// Puts the object of a job.
///
/// Safe to repeat: the same bytes under the same key.
///
/// # Errors
/// `Unavailable`; then no row is to be written.
pub async fn put<W: Blobs + Clock>(world: &W, job: &JobRef, bytes: &[u8]) -> Result<(), Problem> {
    put_object(world, &key(job), bytes).await.map_err(|error| {
        tracing::error!(error, job = job.id, "a payload could not be put");
        Problem::Unavailable
    })
}

/// Puts an object; why it could not be put, in one line.
pub(crate) async fn put_object<W: Blobs + Clock>(world: &W, key: &str, bytes: &[u8]) -> Result<(), String> {
    match within(world, PAYLOAD_PUT_MS, world.put(key, bytes)).await {
        Some(put) => put.map_err(|error| error.to_string()),
        None => Err(format!("no answer within {PAYLOAD_PUT_MS} ms")),
    }
}

/// How the key of a job's vectors ends. No name of a tenant has a dot.
const VECTORS: &str = ".vectors";

/// The key of the vectors that a job made.
pub fn vectors_key(job: &JobRef) -> String {
    format!("{}{VECTORS}", key(job))
}

/// The keys of all that a job may own: its payload and its vectors.
pub fn keys(job: &JobRef) -> [String; 2] {
    [key(job), vectors_key(job)]
}

/// Puts the vectors that a job made.
///
/// Safe to repeat: the job's one object is written over.
///
/// # Errors
/// What becomes of the attempt.
pub(crate) async fn put_vectors<W: Blobs + Clock>(world: &W, job: &Claimed, bytes: &[u8]) -> Result<(), Outcome> {
    let put = put_object(world, &vectors_key(&job.job()), bytes).await;
    put.inspect_err(|error| tracing::error!(error, job = job.id, "vectors could not be put"))
        .map_err(|_| job.store_failed("The vectors could not be put into the object store."))
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

/// Deletes the objects of jobs whose rows have left. What cannot be deleted now is an orphan, and found later.
pub(crate) async fn remove<W: Blobs + Clock>(world: &W, jobs: &[JobRef]) {
    let keys: Vec<_> = jobs.iter().flat_map(keys).collect();
    for keys in keys.chunks(OBJECTS_PER_DELETE) {
        // Safe to repeat: what is gone stays gone, and no id comes back.
        match within(world, OBJECTS_MS_MAX, world.delete(keys)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(%error, "objects are left for the next walk"),
            None => tracing::warn!("objects were not deleted within {OBJECTS_MS_MAX} ms, the next walk finds them"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::job::mint_id;

    #[test]
    fn a_key_tells_its_job_and_keys_are_in_the_order_of_time() {
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
