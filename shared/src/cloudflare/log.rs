//! Logs: one line of JSON per event on the console, where Workers Logs and `wrangler tail` read it. There are no spans,
//! so `tracing-subscriber` is not needed; it would add 25 KB gzipped to each bundle.

use std::fmt::Debug;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use worker::console_log;

/// Starts logging. A second call changes nothing.
pub fn start() {
    // An error means that logging was started before.
    let _ = tracing::subscriber::set_global_default(LineWriter(|line: Value| console_log!("{line}")));
}

/// Writes each event as an object of its level, message and fields. The platform adds the time.
struct LineWriter<W>(W);

impl<W: Fn(Value) + Send + Sync + 'static> Subscriber for LineWriter<W> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        fields.set("level", event.metadata().level().as_str());
        (self.0)(Value::Object(fields.0));
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_an_object_with_its_level_message_and_fields() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&written);
        tracing::subscriber::with_default(LineWriter(move |line| lines.lock().unwrap().push(line)), || {
            let (jobs, failed, error) = (3_usize, -1_i64, "away");
            tracing::error!(jobs, failed, %error, lost = true, list = ?["a"], reason = "it \"fell\"\n", "no {}", "claim");
            tracing::debug!("not_logged");
            tracing::info_span!("span").in_scope(|| tracing::info!("in it"));
        });
        let event = json!({
            "level": "ERROR", "message": "no claim", "jobs": 3, "failed": -1, "error": "away", "lost": true,
            "list": "[\"a\"]", "reason": "it \"fell\"\n",
        });
        assert_eq!(*written.lock().unwrap(), [event, json!({"level": "INFO", "message": "in it"})]);
    }
}
