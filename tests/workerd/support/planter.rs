//! Plants secrets in requests, and records every answer.

use std::cell::{Cell, RefCell};

use longshore_kit::client::{Answer, Client};
use serde_json::{Map, Value, json};

use crate::support::sinks::Sink;
use crate::support::tenant::id_of;
use crate::support::world::World;

/// Prefix of every planted secret.
pub(crate) const SECRET: &str = "Zq7vKx9Lw2Tn";
/// Prefix of planted secrets that a caller wrote into a payload.
pub(crate) const PAYLOAD: &str = "Hd5sBy8Rj3Qm";
/// Text that is not secret and must be found; otherwise the search finds nothing at all.
pub(crate) const CONTROL: &str = "Wf6gUc4Pk1Xe";

/// Plants secrets and records answers.
pub(crate) struct Planter<'a> {
    pub(crate) api: Client,
    pub(crate) world: &'a World,
    /// Number of planted [`SECRET`] values; `numbered` counts all planted values.
    pub(crate) planted: Cell<usize>,
    pub(crate) numbered: Cell<usize>,
    pub(crate) heard: RefCell<Vec<Sink>>,
    /// Secrets that answers have shown by design, once each.
    pub(crate) shown: RefCell<Vec<String>>,
}

impl Planter<'_> {
    /// A new secret with this prefix.
    pub(crate) fn plant(&self, stem: &str) -> String {
        self.planted.update(|planted| planted + usize::from(stem == SECRET));
        self.numbered.update(|numbered| numbered + 1);
        format!("{stem}{:03}\"\\", self.numbered.get())
    }

    /// A secret under each of these names.
    pub(crate) fn under(&self, stem: &str, names: &[&str]) -> Map<String, Value> {
        names.iter().map(|name| ((*name).to_owned(), json!(self.plant(stem)))).collect()
    }

    pub(crate) fn record(&self, what: &str, answer: Answer) -> Answer {
        assert!(answer.status < 500, "{what}: {}", answer.body);
        // A payload or an endpoint's URL may show what the caller wrote into it; the rest of an answer must not.
        let mut rest = answer.body.clone();
        hide_payloads(&mut rest);
        let text = format!("{rest} {:?}", answer.headers);
        assert!(!text.contains(PAYLOAD), "{what}: {text}");
        let whole = format!("{} {:?}", answer.text, answer.headers);
        self.heard.borrow_mut().push(Sink::new(what, whole.as_bytes()));
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.record(path, self.api.get(path).await.unwrap()).body
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.record(&format!("POST {path}"), self.api.post(path, body).await.unwrap())
    }

    /// Posts a job and waits until it has ended.
    pub(crate) async fn complete(&self, job: &Value) -> Value {
        let accepted = self.post("/v1/jobs", job).await;
        assert_eq!(accepted.status, 202, "{}", accepted.body);
        self.get(&format!("/v1/jobs/{}?wait=30", id_of(&accepted.body))).await
    }

    /// Checks an answer that shows a secret by design: once, and no other planted value.
    pub(crate) fn reveal(&self, answer: &Answer, fields: &[&str]) {
        for field in fields {
            let secret = answer.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", answer.body));
            self.shown.borrow_mut().push(secret.to_owned());
        }
        assert!(!answer.text.contains(SECRET) && !answer.text.contains(PAYLOAD), "{}", answer.body);
    }
}

/// Removes the parts of an answer that callers have written themselves.
fn hide_payloads(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("kind") || fields.contains_key("timeout_seconds") {
                fields.remove("payload");
                fields.remove("url");
            }
            fields.values_mut().for_each(hide_payloads);
        }
        Value::Array(items) => items.iter_mut().for_each(hide_payloads),
        _ => {}
    }
}
