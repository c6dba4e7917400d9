//! The payload of a claimed job. A large payload is, whole or in part, an object beside the row.

use bytes::Bytes;

use crate::model::claimed::Claimed;
use crate::model::outcome::{ErrorClass, Outcome};
use crate::ports::{Blobs, Clock};
use crate::store::objects::get;

/// Reads the object of a job's payload; `None` if the row has the whole payload.
///
/// # Errors
/// The outcome of the attempt if the object cannot be read. Nothing is sent in that case.
pub(crate) async fn object_of<W: Blobs + Clock>(world: &W, job: &Claimed) -> Result<Option<Bytes>, Outcome> {
    if job.payload_bytes.is_none() {
        return Ok(None);
    }
    // Safe to repeat: it only reads.
    let object = get(world, &job.job()).await.map_err(|error| {
        tracing::error!(%error, job = job.id, "payload_read_failed");
        job.store_failed("The payload could not be read from the object store.")
    })?;
    let gone = || Outcome::failed(ErrorClass::Config, "The payload no longer exists in the object store.");
    object.map(|object| Some(object.into())).ok_or_else(gone)
}

/// Returns the whole payload of a kind that stores all of a large payload in the object.
pub(crate) fn whole<'a>(job: &'a Claimed, object: Option<&'a Bytes>) -> &'a [u8] {
    match object {
        Some(object) => object,
        None => job.payload.as_deref().unwrap_or_default().as_bytes(),
    }
}
