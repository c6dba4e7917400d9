//! The ports on the bindings of a Worker: one binding, one port.

mod ai;
mod d1;
mod fetch;
pub mod log;
mod queue;
mod r2;

use std::cell::Cell;
use std::time::Duration;

use wasm_bindgen::JsValue;
use worker::{Bucket, D1Database, Date, Delay, Env, Queue};

use crate::ports::Clock;
use crate::security::entropy::Entropy;
use crate::settings::Settings;

/// Everything a Worker's invocation runs on.
#[derive(Debug)]
pub struct CloudflareWorld {
    pub(crate) database: D1Database,
    pub(crate) hints: Queue,
    pub(crate) task_hints: Queue,
    pub(crate) bucket: Bucket,
    pub(crate) size_bytes: Cell<Option<i64>>,
    /// Where the service bindings of tasks are found, and the store of search.
    pub(crate) env: Env,
    entropy: Entropy,
}

impl CloudflareWorld {
    /// Binds `DB`, `HINTS`, `TASK_HINTS` and `EVIDENCE`, and draws the seed of all random bits.
    ///
    /// # Errors
    /// When a binding is missing: the deployment is broken. When the runtime has no randomness: nothing may be made of zeros.
    pub fn new(env: &Env) -> worker::Result<CloudflareWorld> {
        let entropy = Entropy::draw(|bytes| getrandom::fill(bytes).is_ok());
        Ok(CloudflareWorld {
            entropy: entropy.map_err(|error| worker::Error::RustError(error.to_string()))?,
            database: env.d1("DB")?,
            hints: env.queue("HINTS")?,
            task_hints: env.queue("TASK_HINTS")?,
            bucket: env.bucket("EVIDENCE")?,
            size_bytes: Cell::new(None),
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

/// The world and the settings of an event that nobody waits for an answer to; `None`, and an error in the log with its
/// `consequence`, when the deployment is broken.
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

/// Whether the deployment has a binding of that name.
pub fn is_bound(env: &Env, name: &str) -> bool {
    js_sys::Reflect::get(env, &JsValue::from_str(name)).is_ok_and(|binding| !binding.is_undefined())
}

/// A variable or a secret; `None` when it is not set.
pub fn variable(env: &Env, name: &str) -> Option<String> {
    let value = js_sys::Reflect::get(env, &JsValue::from_str(name)).ok()?;
    // A number or a truth without quotes in a wrangler.toml is bound as what it is.
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
