//! The whole payload of a claimed job.

use std::borrow::Cow;

use crate::kinds;
use crate::model::claimed::{Claimed, out_of_reach};
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
    let failed = |class, message: String, retry_after| Outcome::Failed { class, message, retry_after };
    // Safe to repeat: it only reads.
    let object = get(world, &job.job()).await.map_err(|error| {
        tracing::error!(%error, job = job.id, "a payload could not be read");
        let message = "The payload could not be read from the object store.".to_owned();
        failed(ErrorClass::Internal, message, Some(out_of_reach(job)))
    })?;
    let object = object.ok_or_else(|| {
        failed(ErrorClass::Config, "The object of the payload is not in the object store any more.".into(), None)
    })?;
    let payload = kinds::join(&job.kind, job.payload.as_deref(), object)
        .ok_or_else(|| failed(ErrorClass::Handler, "The payload cannot be read.".into(), None))?;
    Ok(Cow::Owned(Claimed { payload: Some(payload), ..job.clone() }))
}
