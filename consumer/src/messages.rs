//! Adapter from the platform's queue batches to the core.

use longshore::cloudflare::{configured, variable};
use longshore::consume::{MessageBody, QueueMessage, consume, retry};
use longshore::settings::QueueNames;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Env, MessageBatch, MessageExt, QueueRetryOptionsBuilder, RawMessage, js_sys};

struct WorkerMessage(RawMessage);

impl QueueMessage for WorkerMessage {
    fn id(&self) -> String {
        self.0.id()
    }

    fn body(&self) -> MessageBody {
        let body = self.0.body();
        body.as_string().map_or_else(|| MessageBody::Other(bytes_of(&body)), MessageBody::Text)
    }

    fn ack(&self) {
        self.0.ack();
    }

    fn retry(&self, delay_seconds: u32) {
        self.0.retry_with_options(&QueueRetryOptionsBuilder::new().with_delay_seconds(delay_seconds).build());
    }
}

/// Returns the bytes of a message body; a value that is not bytes becomes JSON.
fn bytes_of(body: &JsValue) -> Vec<u8> {
    if body.is_instance_of::<js_sys::ArrayBuffer>() || body.is_instance_of::<js_sys::Uint8Array>() {
        return js_sys::Uint8Array::new(body).to_vec();
    }
    js_sys::JSON::stringify(body).ok().and_then(|text| text.as_string()).unwrap_or_default().into_bytes()
}

/// Runs the jobs that a batch names.
pub(crate) async fn deliver(batch: &MessageBatch<String>, env: &Env) {
    let messages: Vec<_> = batch.raw_iter().map(WorkerMessage).collect();
    let queues = QueueNames::parse(|name| variable(env, name))
        .map_err(|errors| tracing::error!(?errors, "queues_not_configured"));
    match (configured(env, "messages_retried"), queues) {
        (Some((world, settings)), Ok(queues)) => consume(&world, &settings, &queues, &batch.queue(), messages).await,
        _ => retry(&messages),
    }
}
