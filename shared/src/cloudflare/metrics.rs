//! Metrics of the queues. workers-rs does not offer them, so they are called through JavaScript; a runtime without them
//! answers none.

use js_sys::futures::JsFuture;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use super::CloudflareWorld;
use crate::limits::QUEUE_METRICS_MS_MAX;
use crate::manage::status::QueueBacklog;
use crate::store::within;
use crate::wire::time::Time;

/// Bindings of the queues.
const QUEUES: [&str; 3] = ["HINTS", "EXPRESS_HINTS", "TASK_HINTS"];

impl CloudflareWorld {
    /// Reads the backlog of each queue. `None` if the runtime reports none, or not in time.
    pub async fn queue_metrics(&self) -> Option<Vec<QueueBacklog>> {
        let read = async {
            let mut backlogs = Vec::new();
            for queue in QUEUES {
                backlogs.extend(backlog(&self.env, queue).await);
            }
            backlogs
        };
        within(self, QUEUE_METRICS_MS_MAX, read).await.filter(|backlogs| !backlogs.is_empty())
    }
}

/// Reads `{backlogCount, backlogBytes, oldestMessageTimestamp}`
/// (developers.cloudflare.com/queues/configuration/javascript-apis).
async fn backlog(env: &JsValue, queue: &'static str) -> Option<QueueBacklog> {
    let binding = Reflect::get(env, &queue.into()).ok()?;
    let metrics: Function = Reflect::get(&binding, &"metrics".into()).ok()?.dyn_into().ok()?;
    let promise = metrics.call0(&binding).ok()?;
    let answer = JsFuture::from(Promise::resolve(&promise)).await.ok()?;
    let number = |name: &str| Reflect::get(&answer, &name.into()).ok().as_ref().and_then(whole);
    let oldest_at = Reflect::get(&answer, &"oldestMessageTimestamp".into()).ok().as_ref().and_then(time);
    Some(QueueBacklog { queue, messages: number("backlogCount")?, bytes: number("backlogBytes")?, oldest_at })
}

/// Reads a number. The platform's counts are below 2^53, where a double is exact.
#[allow(clippy::cast_possible_truncation)]
fn whole(value: &JsValue) -> Option<i64> {
    value.as_f64().filter(|number| number.is_finite()).map(|number| number as i64)
}

/// Reads a `Date` or milliseconds; an empty queue has none.
fn time(value: &JsValue) -> Option<Time> {
    let ms = value.dyn_ref::<js_sys::Date>().map_or_else(|| whole(value), |date| whole(&date.get_time().into()));
    ms.filter(|ms| *ms > 0).map(Time)
}
