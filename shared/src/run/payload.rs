//! The payload of a claimed job, of which the bulk may be an object beside the row.

use bytes::Bytes;

use crate::model::claimed::Claimed;
use crate::model::outcome::{ErrorClass, Outcome};
use crate::ports::{Blobs, Clock};
use crate::store::objects::get;

/// The object of a job's payload; `None` if the row has all of it.
///
/// # Errors
/// The outcome of the attempt when the object cannot be had; nothing is sent then.
pub(crate) async fn object_of<W: Blobs + Clock>(world: &W, job: &Claimed) -> Result<Option<Bytes>, Outcome> {
    if job.payload_bytes.is_none() {
        return Ok(None);
    }
    // Safe to repeat: it only reads.
    let object = get(world, &job.job()).await.map_err(|error| {
        tracing::error!(%error, job = job.id, "a payload could not be read");
        job.store_failed("The payload could not be read from the object store.")
    })?;
    let gone = || Outcome::failed(ErrorClass::Config, "The object of the payload is not in the object store any more.");
    object.map(|object| Some(object.into())).ok_or_else(gone)
}

/// The whole payload of a kind whose object is all of it.
pub(crate) fn whole<'a>(job: &'a Claimed, object: Option<&'a Bytes>) -> &'a [u8] {
    match object {
        Some(object) => object,
        None => job.payload.as_deref().unwrap_or_default().as_bytes(),
    }
}
