//! Problem documents: the JSON of a problem (RFC 9457).

use serde::Serialize;

use crate::wire::invalid::InvalidField;
use crate::wire::problem::Problem;

/// A problem document (RFC 9457).
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Problem"))]
pub struct ProblemDocument<'a> {
    /// Type of the problem: `urn:problem-type:longshore:` and its slug.
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = Problem::types())))]
    r#type: String,
    /// Title, the same for every occurrence of this problem.
    title: &'static str,
    /// HTTP status.
    #[cfg_attr(feature = "openapi", schemars(range(min = 400, max = 599)))]
    status: u16,
    /// Explanation of this occurrence.
    detail: String,
    /// Wrong fields of the request.
    errors: &'a [InvalidField],
    /// Id of the request, equal to the header `Longshore-Request-Id`.
    request_id: &'a str,
}

impl<'a> ProblemDocument<'a> {
    /// Builds the document of a problem.
    pub fn of(problem: &'a Problem, request_id: &'a str) -> ProblemDocument<'a> {
        ProblemDocument {
            r#type: problem.type_uri(),
            title: problem.title(),
            status: problem.status(),
            detail: problem.detail().unwrap_or_else(|| problem.title().to_owned()),
            errors: problem.errors(),
            request_id,
        }
    }

    /// Adds the line number of a body of lines to the detail.
    #[must_use]
    pub fn of_line(self, line: usize) -> ProblemDocument<'a> {
        // A line of NDJSON has only one line: the column is enough.
        let detail = self.detail.replacen("at line 1 column", "at column", 1);
        ProblemDocument { detail: format!("Line {line}: {detail}"), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_type_detail_and_fields() {
        let problem = Problem::field("#/max_attempts", "out-of-range", "must be an integer from 1 to 50, got 500");
        let written = serde_json::to_string(&ProblemDocument::of(&problem, "01K").of_line(3)).unwrap();
        let expected = concat!(
            r#"{"type":"urn:problem-type:longshore:invalid-request","title":"A field is invalid","status":422,"#,
            r#""detail":"Line 3: `max_attempts` must be an integer from 1 to 50, got 500","#,
            r##""errors":[{"pointer":"#/max_attempts","code":"out-of-range","##,
            r#""detail":"`max_attempts` must be an integer from 1 to 50, got 500"}],"request_id":"01K"}"#,
        );
        assert_eq!(written, expected);
    }

    #[test]
    fn a_problem_without_a_detail_repeats_its_title() {
        let document = ProblemDocument::of(&Problem::Internal, "01K");
        assert_eq!((document.detail.as_str(), document.errors), ("Internal error", [].as_slice()));
    }
}
