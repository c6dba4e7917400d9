//! The deployed producer: waits until it is ready, and creates the first API key.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use super::Run;
use super::error::DeployError;
use super::release::URL;
use super::secrets::ROOT_TOKEN;

/// Timeout of a request. The API normally responds well under a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Interval between two readiness checks. The API caches its readiness for 10 seconds.
const POLL_EVERY: Duration = Duration::from_secs(5);

fn agent() -> Agent {
    // A redirect could send the token to another server.
    let config = Agent::config_builder().timeout_global(Some(ANSWER_WITHIN)).max_redirects(0);
    config.http_status_as_error(false).build().into()
}

/// Sends one request. The error is the text to show.
fn ask(url: &str, token: Option<&str>, body: Option<&Value>) -> Result<(u16, Value), String> {
    let authorization = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
    let agent = agent();
    let answer = match body {
        None => agent.get(url).header("authorization", &authorization).call(),
        Some(body) => agent.post(url).header("authorization", &authorization).send_json(body),
    };
    let mut answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    // A response that is not JSON comes from a proxy.
    Ok((status, answer.body_mut().read_json().unwrap_or(Value::Null)))
}

impl Run<'_> {
    fn url(&self) -> Option<String> {
        let url = self.options.url.as_deref().or_else(|| self.kept.get(URL))?;
        Some(url.trim_end_matches('/').to_owned())
    }

    /// Returns the address, checked so that secrets may be sent to it.
    fn safe_url(&self) -> Result<String, DeployError> {
        let text = "wrangler reported no address of the producer: give its custom domain with --url https://...";
        let url = self.url().ok_or_else(|| DeployError::Service(text.to_owned()))?;
        if url.starts_with("https://") || url.starts_with("http://127.0.0.1:") {
            return Ok(url);
        }
        Err(DeployError::Service(format!("{url}: the address must begin with https://")))
    }

    /// Waits until `/readyz` returns 200.
    pub(super) fn readiness(&mut self) -> Result<(), DeployError> {
        if self.is_dry() {
            self.terminal.say("> GET /readyz until it is 200");
            return Ok(());
        }
        let url = format!("{}/readyz", self.safe_url()?);
        let polls = u64::from(self.options.ready_within).div_ceil(POLL_EVERY.as_secs()).max(1);
        let mut last = String::new();
        for poll in 0..polls {
            if poll > 0 {
                std::thread::sleep(POLL_EVERY);
            }
            let seen = match ask(&url, None, None) {
                Ok((200, _)) => return Ok(()),
                Ok((status, body)) => format!("{status} {body}"),
                Err(error) => error,
            };
            if poll == 0 {
                self.terminal.say(&format!("> wait for {url}: {seen}"));
            }
            last = seen;
        }
        Err(DeployError::Service(format!(
            "{url} was not ready within {} s; the last answer: {last}\nA new cron may take 15 minutes to tick. \
             Run the same command again; `npx wrangler tail` shows what the Workers log.",
            self.options.ready_within
        )))
    }

    /// Creates an API key if there is none, and shows it once.
    pub(super) fn first_key(&mut self) -> Result<(), DeployError> {
        if self.is_dry() {
            self.terminal.say("> POST /v1/keys if there is no key yet, and show the key once");
            return Ok(());
        }
        let url = self.safe_url()?;
        self.terminal.say(&format!("url: {url}"));
        let Some(token) = self.kept.get(ROOT_TOKEN).map(str::to_owned) else {
            let hint = "ROOT_TOKEN is not saved on this machine: the API keys were not checked.";
            self.terminal.say(hint);
            return Ok(());
        };
        let keys = format!("{url}/v1/keys");
        let refused = |(status, body): (u16, Value)| DeployError::Service(format!("{keys} answered {status}: {body}"));
        let failed = |error: String| DeployError::Service(format!("{keys}: {error}"));
        let (status, page) = ask(&keys, Some(&token), None).map_err(failed)?;
        if status != 200 {
            return Err(refused((status, page)));
        }
        if page["data"].as_array().is_some_and(|keys| !keys.is_empty()) {
            return Ok(());
        }
        let wanted = json!({ "tenant": self.options.tenant, "scopes": ["admin"], "name": "first key" });
        let (status, key) = ask(&keys, Some(&token), Some(&wanted)).map_err(failed)?;
        match key["key"].as_str() {
            Some(key) if status == 201 => {
                self.terminal.say(&format!("key: {key}   # of tenant {}, shown only once", self.options.tenant));
                Ok(())
            }
            _ => Err(refused((status, key))),
        }
    }
}
