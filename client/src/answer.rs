//! Answers: the JSON as it was received, and the fields that callers read.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{ClientError, Problem};

/// Number of characters of an unexpected answer that an error quotes.
const QUOTED_CHARS: usize = 200;

/// An answer of any status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Address that answered, without path and query.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// Headers with values that are text.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// A value and its JSON, token for token as the API answered it.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// The fields that callers read.
    pub value: T,
    /// The JSON.
    pub json: Box<RawValue>,
}

/// Items of a list, and the cursor that continues it.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// Items in the order of the list.
    pub items: Vec<Answer<T>>,
    /// Cursor of the next page; `None` at the end.
    pub next_cursor: Option<String>,
}

impl Reply {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// True for a status from 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the problem in the body; `None` if the body is not a problem document.
    pub fn problem(&self) -> Option<Problem> {
        let problem: Problem = serde_json::from_slice(&self.body).ok()?;
        let retry_after = self.header("retry-after").and_then(|seconds| seconds.parse().ok());
        Some(Problem { retry_after, ..problem })
    }

    /// Returns the error of a reply that is not a success.
    pub fn refusal(&self) -> ClientError {
        match self.problem() {
            Some(problem) => ClientError::Refused(Box::new(problem)),
            None => self.unexpected(None),
        }
    }

    /// Returns the error of an answer that Longshore does not give.
    pub(crate) fn unexpected(&self, reason: Option<&str>) -> ClientError {
        let text = String::from_utf8_lossy(&self.body);
        let start: String = text.trim().chars().take(QUOTED_CHARS).collect();
        let reason = reason.map_or(String::new(), |reason| format!("{reason}; "));
        let reason = match self.header("location") {
            Some(place) => format!("{reason}a redirect to {place}"),
            None if start.is_empty() => format!("{reason}the body is empty"),
            None => format!("{reason}the body begins with `{start}`"),
        };
        ClientError::Unexpected { url: self.url.clone(), status: self.status, reason }
    }

    /// Parses the body of a success.
    ///
    /// # Errors
    /// The problem, or an unexpected answer.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Answer<T>, ClientError> {
        if !self.is_success() {
            return Err(self.refusal());
        }
        let json: Result<Box<RawValue>, _> = serde_json::from_slice(&self.body);
        let json = json.map_err(|error| self.unexpected(Some(&error.to_string())))?;
        Answer::of(json).map_err(|error| self.unexpected(Some(&error.to_string())))
    }
}

impl<T: DeserializeOwned> Answer<T> {
    /// Parses the fields that callers read.
    ///
    /// # Errors
    /// The reason why the JSON has another shape.
    pub fn of(json: Box<RawValue>) -> Result<Answer<T>, serde_json::Error> {
        Ok(Answer { value: serde_json::from_str(json.get())?, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
        Reply { url: "http://127.0.0.1".into(), status, headers, body: body.into() }
    }

    #[test]
    fn a_problem_differs_from_the_page_of_a_proxy() {
        let body =
            r#"{"type":"urn:problem-type:longshore:rate-limited","title":"T","status":429,"detail":"D","errors":[]}"#;
        let error = reply(429, body).refusal();
        let problem = error.problem().unwrap();
        assert_eq!((problem.slug(), problem.retry_after), ("rate-limited", Some(7)));
        assert!(error.is_temporary());
        let error = reply(403, "<html>").refusal();
        assert!(error.problem().is_none() && !error.is_temporary());
        assert_eq!(error.to_string(), "http://127.0.0.1 answered 403: the body begins with `<html>`");
    }

    #[test]
    fn json_is_kept_token_for_token() {
        let answer: Answer<serde_json::Value> = reply(200, r#"{"n":1.00, "a":"\u0041"}"#).read().unwrap();
        assert_eq!((answer.json.get(), &answer.value["a"]), (r#"{"n":1.00, "a":"\u0041"}"#, &"A".into()));
        assert!(reply(200, "{}x").read::<serde_json::Value>().is_err());
    }
}
