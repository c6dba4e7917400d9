//! Hints on Cloudflare Queues. They are sent as text, because workers-rs would send a JSON value as an empty object.

use wasm_bindgen::JsValue;
use worker::{BatchMessageBuilder, QueueContentType, RawMessageBuilder};

use super::CloudflareWorld;
use crate::model::hint::batches;
use crate::ports::{HintError, HintMessage, Hints};
use crate::wire::daily_limit::DailyLimit;
use crate::wire::job_queue::JobQueue;

impl Hints for CloudflareWorld {
    async fn send_hints(&self, queue: JobQueue, messages: &[HintMessage]) -> Result<(), HintError> {
        let queue = match queue {
            JobQueue::Webhooks => &self.hints,
            JobQueue::Tasks => &self.task_hints,
            // Only the producer has it, and an environment of an older version has not.
            JobQueue::Express => self.express_hints.as_ref().unwrap_or(&self.hints),
        };
        for batch in batches(messages) {
            let batch = batch.iter().fold(BatchMessageBuilder::new(), |builder, message| {
                let message = RawMessageBuilder::new(JsValue::from_str(&message.text))
                    .delay_seconds(message.delay_seconds)
                    .build_with_content_type(QueueContentType::Text);
                builder.message(message)
            });
            queue.send_raw_batch(batch.build()).await.map_err(|error| classify(&error.to_string()))?;
        }
        Ok(())
    }
}

fn classify(text: &str) -> HintError {
    match DailyLimit::of_queue(text) {
        Some(_) => HintError::DailyLimit,
        None => HintError::Failed(text.to_owned()),
    }
}
