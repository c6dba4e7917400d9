//! The whole payload of a claimed job.

use std::borrow::Cow;

use crate::kinds;
use crate::model::claimed::Claimed;
use crate::model::outcome::{ErrorClass, Outcome};
use crate::ports::{Blobs, Clock};
use crate::store::objects::get;

/// A claimed job with its whole payload.
///
/// # Errors
/// What becomes of the attempt when the payload cannot be had; nothing is sent then.
pub(crate) async fn whole<'a, W: Blobs + Clock>(world: &W, job: &'a Claimed) -> Result<Cow<'a, Claimed>, Outcome> {
    if job.payload_bytes.is_none() {
        return Ok(Cow::Borrowed(job));
    }
    // Safe to repeat: it only reads.
    let object = get(world, &job.job()).await.map_err(|error| {
        tracing::error!(%error, job = job.id, "a payload could not be read");
        job.store_failed("The payload could not be read from the object store.")
    })?;
    let object = object.ok_or_else(|| {
        Outcome::failed(ErrorClass::Config, "The object of the payload is not in the object store any more.")
    })?;
    let payload = kinds::join(&job.kind, job.payload.as_deref(), object).ok_or_else(Outcome::unreadable_payload)?;
    Ok(Cow::Owned(Claimed { payload: Some(payload), ..job.clone() }))
}
