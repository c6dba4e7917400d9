//! Responses of handlers, before they become a `worker::Response`.

use futures_util::stream::LocalBoxStream;
use longshore::wire::ndjson::NDJSON;
use longshore::wire::page::Page;
use longshore::wire::problem::Problem;
use longshore::wire::time::Time;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use worker::{Error, Headers, Response, Result};

/// Bytes that are produced while they are read. An error interrupts the response, so that an incomplete one is never
/// taken for complete.
pub(crate) type Bytes = LocalBoxStream<'static, Result<Vec<u8>>>;

/// Body of a response.
pub(crate) enum Body {
    /// No body.
    Empty,
    /// A JSON document.
    Json(Box<RawValue>),
    /// A page of a list, which may also be the first page of its export.
    Page(Page<Box<RawValue>>),
    /// Lines of JSON.
    Lines(Bytes),
    /// Binary data, or a text.
    Bytes(Vec<u8>),
}

/// Serializes a value as JSON. All map keys are strings, so that serialization cannot fail.
fn written(answered: impl Serialize) -> Box<RawValue> {
    to_raw_value(&answered).unwrap_or_default()
}

impl Body {
    /// Replaces the body of a HEAD response by an empty one and sets its content length, if that is known.
    fn measured(self, headers: &Headers) -> Result<Body> {
        let length = match self {
            Body::Empty | Body::Lines(_) => return Ok(Body::Empty),
            Body::Bytes(bytes) => bytes.len(),
            Body::Json(json) => json.get().len(),
            Body::Page(page) => written(page).get().len(),
        };
        headers.set("content-length", &length.to_string())?;
        Ok(Body::Empty)
    }

    fn into_response(self) -> Result<Response> {
        match self {
            Body::Empty => Response::empty(),
            Body::Json(json) => Response::from_bytes(json.get().as_bytes().to_vec()),
            Body::Page(page) => Body::Json(written(page)).into_response(),
            Body::Lines(bytes) => Response::from_stream(bytes),
            Body::Bytes(bytes) => Response::from_bytes(bytes),
        }
    }
}

/// A response: a status, additional headers, and a body.
pub(crate) struct ApiResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    pub(crate) content_type: &'static str,
}

impl ApiResponse {
    /// Creates a response with a JSON body.
    pub(crate) fn json(status: u16, body: impl Serialize) -> ApiResponse {
        ApiResponse { status, headers: Vec::new(), body: Body::Json(written(body)), content_type: "application/json" }
    }

    /// Creates a 204 response without a body.
    pub(crate) fn nothing() -> ApiResponse {
        ApiResponse { status: 204, headers: Vec::new(), body: Body::Empty, content_type: "application/json" }
    }

    /// Creates a 200 response whose body is set later.
    fn nothing_yet() -> ApiResponse {
        ApiResponse { status: 200, ..ApiResponse::nothing() }
    }

    /// Creates a 200 response with lines of JSON.
    pub(crate) fn lines(bytes: Bytes) -> ApiResponse {
        ApiResponse { body: Body::Lines(bytes), content_type: NDJSON, ..ApiResponse::nothing_yet() }
    }

    /// Creates a 200 response with bytes.
    pub(crate) fn bytes(bytes: Vec<u8>) -> ApiResponse {
        ApiResponse { body: Body::Bytes(bytes), content_type: "application/octet-stream", ..ApiResponse::nothing_yet() }
    }

    /// Creates a 200 response with a text.
    pub(crate) fn text(text: String, content_type: &'static str) -> ApiResponse {
        ApiResponse { body: Body::Bytes(text.into_bytes()), content_type, ..ApiResponse::nothing_yet() }
    }

    /// Creates a 200 response with a JSON body.
    pub(crate) fn ok(body: impl Serialize) -> ApiResponse {
        ApiResponse::json(200, body)
    }

    /// Creates a response with a page of a list.
    pub(crate) fn page<S: Serialize>(data: impl IntoIterator<Item = S>, next_cursor: Option<String>) -> ApiResponse {
        let data = data.into_iter().map(written).collect();
        ApiResponse { body: Body::Page(Page { data, next_cursor, searched_to: None }), ..ApiResponse::nothing_yet() }
    }

    /// Adds to a page how far it has looked, in ms.
    pub(crate) fn searched_to(mut self, at: Option<i64>) -> ApiResponse {
        if let Body::Page(page) = &mut self.body {
            page.searched_to = at.map(Time);
        }
        self
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> ApiResponse {
        self.headers.push((name, value.into()));
        self
    }

    /// Converts into a `worker::Response`. By default caches must not store it, and browsers must not guess its content
    /// type. A HEAD response has only status and headers.
    pub(crate) fn into_response(self, request_id: &str, is_head: bool) -> Result<Response> {
        let headers = Headers::new();
        if !matches!(self.body, Body::Empty) {
            headers.set("content-type", self.content_type)?;
        }
        headers.set("cache-control", "no-store")?;
        headers.set("x-content-type-options", "nosniff")?;
        headers.set("longshore-request-id", request_id)?;
        for (name, value) in &self.headers {
            headers.set(name, value)?;
        }
        let body = if is_head { self.body.measured(&headers)? } else { self.body };
        Ok(body.into_response()?.with_status(self.status).with_headers(headers))
    }
}

/// Creates the error that interrupts an export.
pub(crate) fn interrupted(problem: &Problem) -> Error {
    tracing::warn!(slug = problem.slug(), "export_interrupted");
    Error::RustError(problem.slug().to_owned())
}
