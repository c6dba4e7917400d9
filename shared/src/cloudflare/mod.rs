//! The ports on the bindings of a Worker: one binding per port.

mod d1;
mod fetch;
pub mod log;
mod metrics;
mod queue;
mod r2;
mod requests;

use std::cell::{Cell, OnceCell};
use std::time::Duration;

use wasm_bindgen::JsValue;
use worker::{Bucket, D1Database, Date, Delay, Env, Queue};

use self::requests::Requests;
use crate::ports::Clock;
use crate::security::entropy::Entropy;
use crate::settings::Settings;

/// Bindings that an invocation of a Worker uses.
#[derive(Debug)]
pub struct CloudflareWorld {
    pub(crate) database: D1Database,
    pub(crate) hints: Queue,
    pub(crate) task_hints: Queue,
    pub(crate) express_hints: Option<Queue>,
    pub(crate) bucket: Bucket,
    pub(crate) size_bytes: Cell<Option<i64>>,
    /// Statements that were run, in both databases.
    pub(crate) statements: Cell<usize>,
    /// Environment with the service bindings of tasks and the search database.
    pub(crate) env: Env,
    /// Created with the first request: most invocations of the producer send none.
    pub(crate) requests: OnceCell<Requests>,
    entropy: Entropy,
}

impl CloudflareWorld {
    /// Binds `DB`, `HINTS`, `TASK_HINTS`, `EVIDENCE` and, if it is there, `EXPRESS_HINTS`, and draws the seed of all random bits.
    ///
    /// # Errors
    /// When a binding is missing, or the runtime has no randomness: ids and secrets must not be made of zeros.
    pub fn new(env: &Env) -> worker::Result<CloudflareWorld> {
        let entropy = Entropy::draw(|bytes| getrandom::fill(bytes).is_ok());
        Ok(CloudflareWorld {
            entropy: entropy.map_err(|error| worker::Error::RustError(error.to_string()))?,
            database: env.d1("DB")?,
            hints: env.queue("HINTS")?,
            task_hints: env.queue("TASK_HINTS")?,
            express_hints: env.queue("EXPRESS_HINTS").ok(),
            bucket: env.bucket("EVIDENCE")?,
            size_bytes: Cell::new(None),
            statements: Cell::new(0),
            requests: OnceCell::new(),
            env: env.clone(),
        })
    }
}

/// Reads the settings from variables and secrets.
///
/// # Errors
/// One line per setting that is missing or wrong.
pub fn settings(env: &Env) -> Result<Settings, Vec<String>> {
    Settings::parse(|name| variable(env, name))
}

/// Returns the world and the settings for an event without a caller. `None` if the deployment is broken; the log then
/// has an error with `consequence`.
pub fn configured(env: &Env, consequence: &str) -> Option<(CloudflareWorld, Settings)> {
    match (CloudflareWorld::new(env), settings(env)) {
        (Ok(world), Ok(settings)) => Some((world, settings)),
        (world, settings) => {
            let binding = world.err().map(|error| error.to_string());
            let errors = settings.err();
            tracing::error!(?binding, ?errors, consequence, "deployment_not_configured");
            None
        }
    }
}

/// Returns true if the deployment has a binding of that name.
pub fn is_bound(env: &Env, name: &str) -> bool {
    js_sys::Reflect::get(env, &JsValue::from_str(name)).is_ok_and(|binding| !binding.is_undefined())
}

/// Reads a variable or a secret; `None` if it is not set.
pub fn variable(env: &Env, name: &str) -> Option<String> {
    let value = js_sys::Reflect::get(env, &JsValue::from_str(name)).ok()?;
    // A number or a boolean without quotes in wrangler.toml is not bound as text.
    let number = || value.as_f64().map(|number| number.to_string());
    value.as_string().or_else(number).or_else(|| value.as_bool().map(|truth| truth.to_string()))
}

impl Clock for CloudflareWorld {
    fn now_ms(&self) -> i64 {
        i64::try_from(Date::now().as_millis()).unwrap_or(0)
    }

    async fn sleep(&self, duration: Duration) {
        Delay::from(duration).await;
    }

    fn random(&self) -> u128 {
        self.entropy.bits()
    }
}
