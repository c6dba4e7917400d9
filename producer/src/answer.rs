//! What a handler answers, before it becomes a response.

use futures_util::stream::LocalBoxStream;
use longshore::ndjson::NDJSON;
use serde_json::{Value, json};
use worker::{Headers, Response, Result};

/// Bytes that are made while they are read. An error in between breaks the answer off, so that nobody takes less for all.
pub(crate) type Bytes = LocalBoxStream<'static, Result<Vec<u8>>>;

/// The body of an answer.
pub(crate) enum Body {
    /// None at all.
    Empty,
    /// A JSON document.
    Json(Value),
    /// A page of a list, which may also be the beginning of its export.
    Page(Page),
    /// JSON that this Worker was built with.
    Text(&'static str),
    /// Lines of JSON.
    Lines(Bytes),
    /// Neither JSON nor text.
    Bytes(Vec<u8>),
}

/// A page of a list.
pub(crate) struct Page {
    pub(crate) data: Vec<Value>,
    pub(crate) next_cursor: Option<String>,
}

impl Body {
    fn into_response(self) -> Result<Response> {
        match self {
            Body::Empty => Response::empty(),
            Body::Json(value) => Response::from_bytes(value.to_string().into_bytes()),
            Body::Page(Page { data, next_cursor }) => {
                Body::Json(json!({"data": data, "next_cursor": next_cursor})).into_response()
            }
            Body::Text(text) => Response::from_bytes(text.as_bytes().to_vec()),
            Body::Lines(bytes) => Response::from_stream(bytes),
            Body::Bytes(bytes) => Response::from_bytes(bytes),
        }
    }
}

/// An answer: a status, headers of its own, and a JSON body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    pub(crate) content_type: &'static str,
}

impl Answer {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: Value) -> Answer {
        Answer { status, headers: Vec::new(), body: Body::Json(body), content_type: "application/json" }
    }

    /// 204, which has no body.
    pub(crate) fn nothing() -> Answer {
        Answer { status: 204, headers: Vec::new(), body: Body::Empty, content_type: "application/json" }
    }

    /// 200 with a document that this Worker was built with.
    pub(crate) fn built_in(text: &'static str) -> Answer {
        Answer { body: Body::Text(text), ..Answer::ok(Value::Null) }
    }

    /// 200 with lines of JSON.
    pub(crate) fn lines(bytes: Bytes) -> Answer {
        Answer { body: Body::Lines(bytes), content_type: NDJSON, ..Answer::ok(Value::Null) }
    }

    /// 200 with bytes.
    pub(crate) fn bytes(bytes: Vec<u8>) -> Answer {
        Answer { body: Body::Bytes(bytes), content_type: "application/octet-stream", ..Answer::ok(Value::Null) }
    }

    /// 200 with a JSON body.
    pub(crate) fn ok(body: Value) -> Answer {
        Answer::json(200, body)
    }

    /// A page of a list.
    pub(crate) fn page(data: Vec<Value>, next_cursor: Option<String>) -> Answer {
        Answer { body: Body::Page(Page { data, next_cursor }), ..Answer::ok(Value::Null) }
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    /// The response. Unless it says otherwise, nothing of it may be kept by a cache; or taken for anything but what it says it is.
    pub(crate) fn into_response(self, request_id: &str) -> Result<Response> {
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
        Ok(self.body.into_response()?.with_status(self.status).with_headers(headers))
    }
}
