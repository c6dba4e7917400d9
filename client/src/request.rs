//! Requests: method, path, parameters, headers and body.

use std::borrow::Cow;

use serde::Serialize;

/// Media type of lines of JSON.
pub(crate) const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

/// A request to the API. The client adds the address, the key and the tenant.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub(crate) method: String,
    /// Segments of the path, which are escaped when the request is sent.
    pub(crate) segments: Vec<String>,
    /// Path and query as they are sent; replaces the segments.
    pub(crate) path: Option<String>,
    pub(crate) query: Vec<(Cow<'static, str>, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Request {
    /// Creates a request to the path of these segments.
    pub fn new(method: &str, segments: &[&str]) -> Request {
        let segments = segments.iter().map(|&segment| segment.to_owned()).collect();
        Request { method: method.to_owned(), segments, ..Request::default() }
    }

    /// Creates a request to a path that may have a query; it must begin with `/`.
    pub fn to_path(method: &str, path: &str) -> Request {
        Request { method: method.to_owned(), path: Some(path.to_owned()), ..Request::default() }
    }

    /// Adds a parameter if it has a value.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<Cow<'static, str>>, value: Option<impl ToString>) -> Request {
        self.query.extend(value.map(|value| (name.into(), value.to_string())));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an idempotency key if there is one.
    #[must_use]
    pub fn idempotency_key(self, key: Option<&str>) -> Request {
        match key {
            // A quoted string may contain spaces.
            Some(key) => {
                let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
                self.header("idempotency-key", &quoted)
            }
            None => self,
        }
    }

    /// Sets a body of bytes that are JSON.
    #[must_use]
    pub fn json_text(self, body: impl Into<Vec<u8>>) -> Request {
        Request { body: Some(body.into()), ..self }.header("content-type", JSON)
    }

    /// Sets the JSON of a value as the body.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Request {
        // The bodies of this crate have text keys, so serialising cannot fail.
        self.json_text(serde_json::to_vec(body).unwrap_or_default())
    }

    /// Sets a body of lines of JSON, and requests lines as the answer.
    #[must_use]
    pub fn lines(self, body: Vec<u8>) -> Request {
        Request { body: Some(body), ..self }.header("content-type", NDJSON).header("accept", NDJSON)
    }

    /// Sets a body without a media type.
    #[must_use]
    pub fn bytes(self, body: Vec<u8>) -> Request {
        Request { body: Some(body), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_quoted_and_a_missing_parameter_is_left_out() {
        let request =
            Request::new("GET", &["v1", "jobs"]).parameter("state", Some("dead")).parameter("kind", None::<&str>);
        assert_eq!(request.query, [("state".into(), "dead".to_owned())]);
        let request = request.idempotency_key(Some("a \"b\" \\"));
        assert_eq!(request.headers, [("idempotency-key".to_owned(), "\"a \\\"b\\\" \\\\\"".to_owned())]);
    }
}
