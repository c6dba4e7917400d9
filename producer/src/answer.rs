//! What a handler answers, before it becomes a response.

use futures_util::stream::LocalBoxStream;
use longshore::wire::ndjson::NDJSON;
use longshore::wire::page::Page;
use longshore::wire::problem::Problem;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use worker::{Error, Headers, Response, Result};

/// Bytes that are made while they are read. An error in between breaks the answer off, so that nobody takes less for all.
pub(crate) type Bytes = LocalBoxStream<'static, Result<Vec<u8>>>;

/// The body of an answer.
pub(crate) enum Body {
    /// None at all.
    Empty,
    /// A JSON document.
    Json(Box<RawValue>),
    /// A page of a list, which may also be the beginning of its export.
    Page(Page<Box<RawValue>>),
    /// JSON that this Worker was built with.
    /// Lines of JSON.
    Lines(Bytes),
    /// Neither JSON nor text.
    Bytes(Vec<u8>),
}

/// What is answered, as JSON. It has no other names than texts: writing it cannot fail.
fn written(answered: impl Serialize) -> Box<RawValue> {
    to_raw_value(&answered).unwrap_or_default()
}

impl Body {
    /// No body, with the length of this one in the headers if it is known before it is made.
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

/// An answer: a status, headers of its own, and a JSON body.
pub(crate) struct ApiResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    pub(crate) content_type: &'static str,
}

impl ApiResponse {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: impl Serialize) -> ApiResponse {
        ApiResponse { status, headers: Vec::new(), body: Body::Json(written(body)), content_type: "application/json" }
    }

    /// 204, which has no body.
    pub(crate) fn nothing() -> ApiResponse {
        ApiResponse { status: 204, headers: Vec::new(), body: Body::Empty, content_type: "application/json" }
    }

    /// 200, before it has a body.
    fn nothing_yet() -> ApiResponse {
        ApiResponse { status: 200, ..ApiResponse::nothing() }
    }

    /// 200 with lines of JSON.
    pub(crate) fn lines(bytes: Bytes) -> ApiResponse {
        ApiResponse { body: Body::Lines(bytes), content_type: NDJSON, ..ApiResponse::nothing_yet() }
    }

    /// 200 with bytes.
    pub(crate) fn bytes(bytes: Vec<u8>) -> ApiResponse {
        ApiResponse { body: Body::Bytes(bytes), content_type: "application/octet-stream", ..ApiResponse::nothing_yet() }
    }

    /// 200 with a JSON body.
    pub(crate) fn ok(body: impl Serialize) -> ApiResponse {
        ApiResponse::json(200, body)
    }

    /// A page of a list.
    pub(crate) fn page<S: Serialize>(data: impl IntoIterator<Item = S>, next_cursor: Option<String>) -> ApiResponse {
        let data = data.into_iter().map(written).collect();
        ApiResponse { body: Body::Page(Page { data, next_cursor }), ..ApiResponse::nothing_yet() }
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> ApiResponse {
        self.headers.push((name, value.into()));
        self
    }

    /// The response. Unless it says otherwise, nothing of it may be kept by a cache; or taken for anything but what it says it is.
    /// The answer to HEAD has its status and headers alone.
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

/// The error that breaks an export off.
pub(crate) fn broke_off(problem: &Problem) -> Error {
    tracing::warn!(slug = problem.slug(), "an export broke off");
    Error::RustError(problem.slug().to_owned())
}
