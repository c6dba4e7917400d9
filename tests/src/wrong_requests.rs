//! Wrong requests with their exact answers, as listed in `tests/workerd/http/wrong_requests.json`: a test on workerd
//! sends each, and `docs/errors.md` shows each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

/// A text, which the file may give as a part with a number of repetitions.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// The text itself.
    Plain(String),
    /// A repeated part.
    Repeated {
        /// Part of the text.
        repeat: String,
        /// Number of repetitions.
        times: usize,
    },
}

impl Text {
    /// The whole text.
    pub fn whole(&self) -> String {
        match self {
            Text::Plain(text) => text.clone(),
            Text::Repeated { repeat, times } => repeat.repeat(*times),
        }
    }

    /// Writes the text as the page shows it.
    fn shown(&self) -> String {
        match self {
            Text::Plain(text) => text.clone(),
            Text::Repeated { repeat, times } => format!("{repeat}{repeat}{repeat}... ({times} times)"),
        }
    }
}

/// Body of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// A JSON document.
    Json(Value),
    /// Any text, sent as JSON.
    Text(Text),
    /// Lines of JSON.
    Lines(Vec<String>),
}

/// A refusal without the members that all problems share: the slug of its type, its text, its fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// HTTP status, also of a line.
    pub status: u16,
    /// Slug of its type.
    pub problem: String,
    /// Member `detail`.
    pub detail: String,
    /// Member `errors`: pointer, code and detail of each; the first one's detail defaults to that of the problem.
    #[serde(default)]
    pub errors: Vec<Vec<String>>,
}

/// A wrong request and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrongRequest {
    /// Description of the mistake.
    pub what: String,
    /// Key of the caller, by name; by default that of an admin of the tenant.
    #[serde(default = "admin")]
    pub key: String,
    /// Method and path.
    pub send: String,
    /// Headers besides the key and the content type of the body.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// Body, if any.
    pub body: Option<Body>,
    /// Number of the refused line, where each line is answered separately.
    pub line: Option<usize>,
    /// Answer to the request, or to the line.
    pub answer: Refusal,
}

fn admin() -> String {
    "admin".to_owned()
}

impl Refusal {
    /// Fields as a problem's `errors` lists them.
    pub fn errors(&self) -> Value {
        let field = |field: &Vec<String>| {
            let [pointer, code, ..] = &field[..] else { panic!("an error has a pointer and a code: {field:?}") };
            json!({"pointer": pointer, "code": code, "detail": field.get(2).unwrap_or(&self.detail)})
        };
        self.errors.iter().map(field).collect()
    }
}

impl WrongRequest {
    /// Method and path.
    pub fn route(&self) -> (&str, &str) {
        self.send.split_once(' ').expect("a method and a path")
    }

    /// Headers, including the content type.
    pub fn all_headers(&self) -> Vec<(String, String)> {
        let media_type = match &self.body {
            None => None,
            Some(Body::Lines(_)) => Some("application/x-ndjson"),
            Some(_) => Some("application/json"),
        };
        let own = self.headers.iter().map(|(name, value)| (name.clone(), value.whole()));
        let of_body = media_type.filter(|_| !self.headers.contains_key("content-type"));
        own.chain(of_body.map(|value| ("content-type".to_owned(), value.to_owned()))).collect()
    }

    /// Bytes of the body.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.body {
            None => Vec::new(),
            Some(Body::Json(value)) => value.to_string().into_bytes(),
            Some(Body::Text(text)) => text.whole().into_bytes(),
            Some(Body::Lines(lines)) => lines.iter().fold(String::new(), |text, line| text + line + "\n").into_bytes(),
        }
    }

    /// Writes the request and the answer as the page shows them.
    fn shown(&self) -> String {
        let mut request = format!("{}\n", self.send);
        for (name, value) in &self.headers {
            let _ = writeln!(request, "{name}: {}", value.shown());
        }
        let key = match self.key.as_str() {
            "admin" => "",
            "none" => ", without a key",
            "malformed" => ", with the key `ls_malformed`",
            "unknown" => ", with an unknown key",
            "revoked" => ", with a revoked key",
            "reader" => ", with a read-only key",
            "all" => ", with a key for all tenants",
            other => panic!("unknown key name {other}"),
        };
        let is_empty = self.bytes().is_empty();
        request.push_str(if is_empty { "" } else { "\n" });
        let body = match self.body.as_ref().filter(|_| !is_empty) {
            None => String::new(),
            Some(Body::Json(value)) => format!("{value}\n"),
            Some(Body::Text(text)) => format!("{}\n", text.shown()),
            Some(Body::Lines(lines)) => lines.iter().map(|line| format!("{line}\n")).collect::<Vec<_>>().concat(),
        };
        request.push_str(&body);
        let Refusal { status, detail, .. } = &self.answer;
        let errors = self.answer.errors();
        let mut answer = format!("{status} {detail}\n");
        for error in errors.as_array().into_iter().flatten() {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            let more = if text("detail") == *detail { String::new() } else { format!(": {}", text("detail")) };
            let _ = writeln!(answer, "{} {}{more}", text("pointer"), text("code"));
        }
        format!("\n{}{key}:\n\n```text\n{request}```\n\n```text\n{answer}```\n", self.what)
    }
}

/// All wrong requests of the list.
pub fn wrong_requests() -> Vec<WrongRequest> {
    let text = include_str!("../workerd/http/wrong_requests.json");
    serde_json::from_str(text).expect("wrong_requests.json is a list of wrong requests")
}

/// Content of `docs/errors.md`.
pub fn errors_page() -> String {
    let all = wrong_requests();
    longshore::openapi::markdown(|slug| {
        let of_slug = all.iter().filter(|request| request.answer.problem == slug);
        of_slug.map(WrongRequest::shown).collect()
    })
}
