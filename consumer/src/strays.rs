//! What is no hint, and what the platform gave up on.

use longshore::cloudflare::CloudflareWorld;
use longshore::manage::operate::wake;
use longshore::manage::strays::keep_stray;
use longshore::model::job::JobRef;
use longshore::ports::DatabaseError;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{MessageExt, RawMessage, js_sys};

use crate::messages::{retry, retry_after_reset};

/// Keeps a message that cannot be read, with its bytes, and acks it.
pub(crate) async fn keep(world: &CloudflareWorld, queue: &str, message: &RawMessage) {
    let kept = keep_stray(world, &message.id(), queue, "not a hint", &bytes_of(&message.body())).await;
    match kept {
        Ok(()) => {
            tracing::warn!(message_id = message.id(), "a stray was kept");
            message.ack();
        }
        // It is no hint that the sweep could do without: its bytes are kept by the queue until midnight.
        Err(error @ DatabaseError::DailyLimit(_)) => {
            tracing::error!(%error, "a stray is kept tomorrow");
            retry_after_reset(world, message);
        }
        Err(error) => {
            tracing::error!(%error, "a stray could not be kept");
            retry(std::slice::from_ref(message));
        }
    }
}

/// Text as it is, bytes as they are, anything else as JSON.
fn bytes_of(body: &JsValue) -> Vec<u8> {
    if let Some(text) = body.as_string() {
        return text.into_bytes();
    }
    if body.is_instance_of::<js_sys::ArrayBuffer>() || body.is_instance_of::<js_sys::Uint8Array>() {
        return js_sys::Uint8Array::new(body).to_vec();
    }
    js_sys::JSON::stringify(body).ok().and_then(|text| text.as_string()).unwrap_or_default().into_bytes()
}

/// Wakes the jobs of hints that are not run: the ledger alone says what is dead. `reason` says why for the log.
pub(crate) async fn wake_all(world: &CloudflareWorld, hints: &[RawMessage], jobs: &[JobRef], reason: &str) {
    match wake(world, jobs).await {
        Ok(woken) => {
            tracing::warn!(named = jobs.len(), woken, reason, "jobs are woken");
            hints.iter().for_each(MessageExt::ack);
        }
        Err(error @ DatabaseError::DailyLimit(_)) => {
            tracing::error!(%error, "the sweep finds these jobs after midnight UTC");
            hints.iter().for_each(MessageExt::ack);
        }
        Err(error) => {
            tracing::error!(%error, "jobs could not be woken");
            retry(hints);
        }
    }
}
