//! The request as handlers see it: raw method, path, query, and a body with a size limit.

use longshore::limits::REQUEST_MS_MAX;
use longshore::wire::invalid::{InvalidField, JSON, names_media_type};
use longshore::wire::ndjson::{BYTE_ORDER_MARK, NDJSON};
use longshore::wire::phrase::quoted;
use longshore::wire::prefer::prefers_minimal;
use longshore::wire::problem::Problem;
use worker::Request;

use crate::body::{BULK_INFLATED_BYTES_MAX, Coding, Form, RequestBody};
use crate::problem::now_ms;

/// A request whose body is not read yet.
#[derive(Debug)]
pub(crate) struct ApiRequest {
    inner: Request,
    /// Method as it was sent: `worker::Method` would turn PROPFIND into GET.
    pub(crate) method: String,
    pub(crate) path: String,
    query: Vec<(String, String)>,
}

impl ApiRequest {
    /// Parses a request.
    pub(crate) fn new(inner: Request) -> Result<ApiRequest, Problem> {
        let url = inner.url().map_err(|_| Problem::NotFound("The URL is invalid".into()))?;
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok(ApiRequest { method: inner.inner().method(), path: url.path().to_owned(), query, inner })
    }

    /// Returns a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns all query parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the names of all query parameters.
    pub(crate) fn parameter_names(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| name.as_str())
    }

    /// Refuses a parameter that is given twice, because one of its values would be ignored.
    pub(crate) fn no_parameter_twice(&self) -> Result<(), Problem> {
        let twice = |(at, (name, _)): (usize, &(String, String))| {
            self.query.iter().skip(at + 1).any(|(other, _)| other == name).then(|| name.clone())
        };
        match self.query.iter().enumerate().find_map(twice) {
            None => Ok(()),
            Some(name) => {
                let detail = "is given twice; give it once";
                Err(Problem::InvalidParameter(InvalidField::of(name, "duplicate-parameter", detail)))
            }
        }
    }

    /// True if the method only reads.
    pub(crate) fn reads(&self) -> bool {
        ["GET", "HEAD"].contains(&self.method.as_str())
    }

    /// Returns a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.inner.headers().get(name).ok().flatten()
    }

    /// True if the headers allow more than `bytes` of JSON.
    pub(crate) fn may_be_longer_than(&self, bytes: usize) -> bool {
        // The length of a compressed body does not limit its decompressed size.
        let is_coded = self.coding() != Ok(Coding::Identity);
        self.is_json() && (is_coded || self.announced().is_none_or(|length| length > bytes))
    }

    /// Returns the Content-Length.
    fn announced(&self) -> Option<usize> {
        self.header("content-length").and_then(|text| text.parse().ok())
    }

    /// Reads a JSON body of at most `cap` bytes, also without a correct Content-Length.
    ///
    /// # Errors
    /// `UnsupportedMediaType`, `UnsupportedEncoding`, `TooLarge`, or `NotJson` if the body is interrupted or is not
    /// gzip.
    pub(crate) async fn json_body(&mut self, cap: usize) -> Result<Vec<u8>, Problem> {
        if !self.is_json() {
            return Err(self.must_be(&[JSON]));
        }
        self.body(cap).await
    }

    /// Reads a body that may be absent.
    ///
    /// # Errors
    /// As [`ApiRequest::json_body`], but an absent body is `None`.
    pub(crate) async fn optional_json_body(&mut self, cap: usize) -> Result<Option<Vec<u8>>, Problem> {
        let body = self.body(cap).await?;
        if body.is_empty() {
            return Ok(None);
        }
        if !self.is_json() {
            return Err(self.must_be(&[JSON]));
        }
        Ok(Some(body))
    }

    /// Takes the body as a stream of lines.
    ///
    /// # Errors
    /// `NotJson` if there is no body; `UnsupportedEncoding`.
    pub(crate) fn take_lines(&mut self) -> Result<RequestBody, Problem> {
        let form = self.form(BULK_INFLATED_BYTES_MAX)?;
        let stream = self
            .inner
            .stream()
            .map_err(|_| Problem::NotJson("The body is empty: nothing was accepted, and nothing was removed".into()))?;
        Ok(RequestBody::new(stream, form))
    }

    /// Returns the parameters for reading the body.
    fn form(&self, inflated_bytes_max: usize) -> Result<Form, Problem> {
        Ok(Form { coding: self.coding()?, announced: self.announced(), inflated_bytes_max })
    }

    fn coding(&self) -> Result<Coding, Problem> {
        Coding::of(self.header("content-encoding").as_deref())
    }

    /// True if the body is NDJSON.
    pub(crate) fn has_lines(&self) -> bool {
        self.header("content-type").is_some_and(|content_type| names_media_type(&content_type, NDJSON))
    }

    /// True if the caller accepts NDJSON.
    pub(crate) fn wants_lines(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.split(',').any(|range| names_media_type(range, NDJSON)))
    }

    /// True if the caller prefers a minimal response.
    pub(crate) fn prefers_minimal(&self) -> bool {
        self.header("prefer").is_some_and(|prefer| prefers_minimal(&prefer))
    }

    /// Sets the cursor of the next page.
    pub(crate) fn set_cursor(&mut self, cursor: String) {
        self.query.retain(|(name, _)| name != "cursor");
        self.query.push(("cursor".to_owned(), cursor));
    }

    /// Creates the problem of a body with another media type.
    pub(crate) fn must_be(&self, media_types: &[&str]) -> Problem {
        let is_media_type =
            |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.+-".contains(&byte));
        let header = self.header("content-type");
        let got = match header.as_deref().and_then(|header| header.split(';').next()).map(str::trim) {
            None | Some("") => "none".to_owned(),
            Some(text) => Some(text).filter(is_media_type).map_or("another".to_owned(), quoted),
        };
        let expected: Vec<_> = media_types.iter().map(|media_type| format!("`{media_type}`")).collect();
        Problem::UnsupportedMediaType(format!("`Content-Type` must be {}, got {got}", expected.join(" or ")))
    }

    fn is_json(&self) -> bool {
        self.header("content-type").is_some_and(|content_type| names_media_type(&content_type, JSON))
    }

    async fn body(&mut self, cap: usize) -> Result<Vec<u8>, Problem> {
        if let Some(announced) = self.announced().filter(|length| *length > cap) {
            return Err(Problem::too_large("The body", cap, announced));
        }
        let mut body = Vec::new();
        // A request without a body has no stream.
        let Ok(stream) = self.inner.stream() else {
            return Ok(body);
        };
        let mut stream = RequestBody::new(stream, self.form(usize::MAX)?);
        let began_at = now_ms();
        loop {
            let chunk = stream.next().await?;
            if now_ms() - began_at > REQUEST_MS_MAX {
                let minutes = REQUEST_MS_MAX / 60_000;
                return Err(Problem::TooLarge(format!("The body must arrive within {minutes} minutes; send less")));
            }
            let Some(chunk) = chunk else { break };
            if body.len() + chunk.len() > cap {
                return Err(Problem::TooLarge(format!("The body must have at most {cap} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if body.starts_with(BYTE_ORDER_MARK.as_bytes()) {
            body.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(body)
    }
}
