//! The result of a job: JSON as it was written, or the reason why it could not be stored. It never decides if the job
//! succeeded.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::limits::{RESULT_BYTES_MAX, RESULT_DEPTH_MAX};
use crate::ports::HttpResponse;
use crate::wire::json_depth::depth_exceeds;
use crate::wire::ndjson::BYTE_ORDER_MARK;

/// Result of a job.
#[derive(Debug, Clone, Default)]
pub enum JobResult {
    /// No result.
    #[default]
    Empty,
    /// JSON, token for token as it was written.
    Kept(Box<RawValue>),
    /// A result that cannot be stored.
    Lost(ResultError),
}

impl JobResult {
    /// Reads a result from bytes of JSON.
    pub fn of(bytes: &[u8]) -> JobResult {
        let json = bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(bytes);
        if json.is_empty() {
            return JobResult::Empty;
        }
        JobResult::read(json).unwrap_or_else(JobResult::Lost)
    }

    /// Reads the result from the body of a response that declares JSON.
    pub fn of_body(response: &HttpResponse) -> JobResult {
        // An interrupted body might contain a truncated number, which would be another value.
        if response.body_error.is_some() {
            return JobResult::Lost(ResultError::BrokenOff);
        }
        if response.truncated {
            return JobResult::Lost(ResultError::TooLarge);
        }
        JobResult::of(&response.body)
    }

    fn read(json: &[u8]) -> Result<JobResult, ResultError> {
        if json.len() > RESULT_BYTES_MAX {
            return Err(ResultError::TooLarge);
        }
        // Raw JSON is read without recursion, so deep nesting is recognised as JSON and refused with its own reason.
        let raw: Box<RawValue> = serde_json::from_slice(json).map_err(|_| ResultError::NotJson)?;
        if depth_exceeds(json, RESULT_DEPTH_MAX) {
            return Err(ResultError::TooDeep);
        }
        if serde_json::from_str::<Value>(raw.get()).is_err() {
            return Err(ResultError::UnreadableValue);
        }
        Ok(JobResult::Kept(raw))
    }

    /// Serialises a value into a result.
    pub(crate) fn written(value: &impl Serialize) -> JobResult {
        to_raw_value(value).map_or(JobResult::Empty, JobResult::Kept)
    }

    /// Returns the JSON, if it was stored.
    pub fn json(&self) -> Option<&RawValue> {
        match self {
            JobResult::Kept(raw) => Some(raw),
            JobResult::Empty | JobResult::Lost(_) => None,
        }
    }

    /// Returns the result as a parsed value, which does not keep the notation of numbers; null if there is none.
    pub fn to_value(&self) -> Value {
        self.json().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// Returns the columns of the row: the JSON, and the reason why there is none.
    pub fn into_columns(self) -> (Option<Box<RawValue>>, Option<ResultError>) {
        match self {
            JobResult::Empty => (None, None),
            JobResult::Kept(raw) => (Some(raw), None),
            JobResult::Lost(error) => (None, Some(error)),
        }
    }
}

impl From<Value> for JobResult {
    fn from(value: Value) -> JobResult {
        JobResult::written(&value)
    }
}

impl PartialEq for JobResult {
    /// Compares the texts of the JSON.
    fn eq(&self, other: &JobResult) -> bool {
        match (self, other) {
            (JobResult::Empty, JobResult::Empty) => true,
            (JobResult::Kept(raw), JobResult::Kept(other)) => raw.get() == other.get(),
            (JobResult::Lost(error), JobResult::Lost(other)) => error == other,
            _ => false,
        }
    }
}

macro_rules! errors {
    ($($variant:ident $name:literal $doc:literal $message:expr;)*) => {
        /// Reason why a result could not be stored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ResultErrorCode"))]
        pub enum ResultError {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
        }

        impl ResultError {
            /// Every reason.
            pub const ALL: &'static [ResultError] = &[$(ResultError::$variant),*];

            /// Returns the reason in one line, with the limit.
            pub fn message(self) -> String {
                match self { $(ResultError::$variant => $message.to_owned(),)* }
            }
        }
    };
}

errors! {
    NotJson "not-json" "The body is not JSON." "The answer declares JSON but its body is not JSON.";
    TooLarge "too-large" "The body has too many bytes."
        format!("The result has more than {RESULT_BYTES_MAX} bytes: store it and answer with a reference.");
    TooDeep "too-deep" "The JSON nests too deep." format!("The result nests deeper than {RESULT_DEPTH_MAX} levels.");
    UnreadableValue "unreadable-value" "A number is too large for a double, or a text has half of a surrogate pair."
        "The result has a text with half of a surrogate pair, such as \\ud83d alone, or a number above 1.8e308.";
    BrokenOff "broken-off" "The body was interrupted." "The body with the result was interrupted.";
}

/// Reason why a succeeded job has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ResultError"))]
pub struct ShownResultError {
    /// Reason, as a fixed word for programs.
    pub code: ResultError,
    /// Reason in one line, with the limit.
    pub message: String,
}

impl From<ResultError> for ShownResultError {
    fn from(code: ResultError) -> Self {
        ShownResultError { code, message: code.message() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(bytes: &[u8]) -> Option<String> {
        match JobResult::of(bytes) {
            JobResult::Kept(raw) => Some(raw.get().to_owned()),
            JobResult::Empty | JobResult::Lost(_) => None,
        }
    }

    fn lost(bytes: &[u8]) -> Option<ResultError> {
        JobResult::of(bytes).into_columns().1
    }

    fn nested(levels: usize) -> String {
        "[".repeat(levels) + &"]".repeat(levels)
    }

    #[test]
    fn a_result_is_kept_token_for_token() {
        for json in [
            "117.63331139400017",
            "12345678901234567890123",
            r#"{"b":1.0,"a":[1E+2,-0,1e-999],"b":"\u00e9\/"}"#,
            "null",
            r#""\ud83d\udea2""#,
        ] {
            assert_eq!(kept(json.as_bytes()).as_deref(), Some(json));
            assert_eq!(kept(format!(" {json}\r\n").as_bytes()).as_deref(), Some(json), "without white space around it");
            assert_eq!(
                kept(&[BYTE_ORDER_MARK.as_bytes(), json.as_bytes()].concat()).as_deref(),
                Some(json),
                "without the BOM"
            );
        }
        assert_eq!(
            (JobResult::of(b""), JobResult::of(BYTE_ORDER_MARK.as_bytes())),
            (JobResult::Empty, JobResult::Empty)
        );
    }

    #[test]
    fn a_result_that_cannot_be_stored_has_a_reason() {
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        for (body, error) in [
            ("{".to_owned(), ResultError::NotJson),
            (" ".to_owned(), ResultError::NotJson),
            ("<html>".to_owned(), ResultError::NotJson),
            ("{} {}".to_owned(), ResultError::NotJson),
            ("NaN".to_owned(), ResultError::NotJson),
            ("[".repeat(10_000), ResultError::NotJson),
            ("\u{feff}\u{feff}1".to_owned(), ResultError::NotJson),
            (text(RESULT_BYTES_MAX + 1), ResultError::TooLarge),
            ("x".repeat(RESULT_BYTES_MAX + 1), ResultError::TooLarge),
            (nested(RESULT_DEPTH_MAX + 1), ResultError::TooDeep),
            (nested(RESULT_BYTES_MAX / 2), ResultError::TooDeep),
            ("1e999".to_owned(), ResultError::UnreadableValue),
            (r#"{"a":["\ud83d"]}"#.to_owned(), ResultError::UnreadableValue),
        ] {
            assert_eq!(lost(body.as_bytes()), Some(error), "{body:.40}");
        }
        assert_eq!(lost(b"\"\xff\""), Some(ResultError::NotJson));
        assert!(kept(text(RESULT_BYTES_MAX).as_bytes()).is_some());
        assert!(kept(nested(RESULT_DEPTH_MAX).as_bytes()).is_some());
    }

    #[test]
    fn a_reason_has_a_code_and_a_text() {
        for code in ResultError::ALL {
            let shown = serde_json::to_value(ShownResultError::from(*code)).unwrap();
            assert!(shown["message"].as_str().is_some_and(|text| text.ends_with('.')), "{shown}");
            assert_eq!(serde_json::from_value::<ResultError>(shown["code"].clone()).unwrap(), *code);
        }
        assert_eq!(serde_json::to_value(ResultError::TooLarge).unwrap(), "too-large");
    }

    proptest! {
        #[test]
        fn all_bytes_are_kept_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let kept = kept(&bytes);
            prop_assert_eq!(kept.is_some() || bytes.is_empty(), lost(&bytes).is_none());
            if let Some(json) = kept {
                prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
            }
        }
    }
}
