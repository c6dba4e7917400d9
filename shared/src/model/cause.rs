//! Causes: what failed attempts have in common, so that an incident of many jobs is one line.
//!
//! A cause is a fingerprint of the kind, the endpoint or host, the class and status of the error, and the first line of the
//! answer or error without the parts that differ from job to job. All of it is pure.

use serde::Serialize;
use serde_json::Value;

use crate::limits::CAUSE_TEXT_CHARS_MAX;
use crate::model::outcome::{ErrorClass, JobError};
use crate::wire::idempotency::sha256;

/// Id of the cause of jobs whose worker stopped before it recorded an outcome.
pub const CRASHED: &str = "cause_crash";
/// Id of the cause of jobs whose deadline passed before an attempt could start.
pub const LATE: &str = "cause_deadline";
/// Id of the cause of jobs that failed while their tenant had [`CAUSES_MAX`](crate::limits::CAUSES_MAX) others.
pub const OTHER: &str = "cause_other";

/// Placeholder for a part that differs from job to job.
const VARIES: &str = "#";
/// Characters of the fingerprint in an id, base64url: 96 bits, so that no two causes of a tenant meet.
const ID_CHARS: usize = 16;
/// Names of the members of a JSON answer that say what failed, in lower case, the most telling last. `code` comes first: it stays as it
/// is if it is short.
const TELLING: [&str; 15] = [
    CODE,
    "type",
    "errortype",
    "title",
    "reason",
    "errors",
    "error",
    "error_description",
    "detail",
    "details",
    "msg",
    "error_message",
    "errormessage",
    "fault",
    "message",
];
/// Member whose value names an error, such as `ERR_1001` or `card_declined`.
const CODE: &str = "code";
/// Maximum characters of a code that is kept with its digits.
const CODE_CHARS_MAX: usize = 16;
/// Characters of a text of which one may be unreadable. A text with more of them is binary.
const CHARS_PER_UNREADABLE: usize = 8;
/// Names in dates. They are replaced beside a number.
const DATE_WORDS: [&str; 21] = [
    "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
    "Oct", "Nov", "Dec", "GMT", "UTC",
];

/// Place where an attempt failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FailedAt {
    /// Kind of the job.
    pub kind: String,
    /// Name of the endpoint; empty for a job to a bare URL.
    pub endpoint: String,
    /// Host of the URL of a job to a bare URL, if it was known.
    pub host: Option<String>,
}

/// Cause of a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Id, the same for all attempts that failed alike.
    pub id: String,
    /// Place of the failure.
    #[serde(flatten)]
    pub at: FailedAt,
    /// Class of the error.
    pub class: ErrorClass,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// The first line of the answer or error, without the parts that differ from job to job.
    pub text: String,
}

impl Cause {
    /// Returns the cause of a failed attempt. `answer` is the body of the answer, redacted; its first line is more telling
    /// than the error's message if there is a status.
    pub fn of(at: FailedAt, error: &JobError, status: Option<u16>, answer: Option<&[u8]>) -> Cause {
        let text = match (status, answer) {
            (Some(_), Some(body)) => text_of_body(body).unwrap_or_default(),
            _ => shortened(&normalised(&error.message)),
        };
        let status_text = status.map(|status| status.to_string()).unwrap_or_default();
        let host = at.host.as_deref().unwrap_or_default();
        let parts = [at.kind.as_str(), at.endpoint.as_str(), host, error.class.name(), &status_text, &text];
        let id = format!("cause_{}", &sha256(parts.join("\0").as_bytes())[..ID_CHARS]);
        Cause { id, at, class: error.class, status, text }
    }
}

/// Returns what the body of an answer says, normalised: the telling members of a JSON object, the title of an HTML page, the text of
/// another page or of XML, or the first line of other text. `None` if it is no text or says nothing.
fn text_of_body(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let unreadable = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER || *c == '\0').count();
    let found = match serde_json::from_str::<Value>(text) {
        Ok(value) => text_of_json(&value)?,
        // A binary body says nothing.
        Err(_) if unreadable * CHARS_PER_UNREADABLE > text.chars().count() => return None,
        Err(_) if text.starts_with('<') => normalised(&title(text).unwrap_or_else(|| without_tags(text))),
        Err(_) => normalised(text.lines().next()?),
    };
    Some(shortened(&found)).filter(|text| !text.is_empty())
}

/// Returns the texts of the telling members of a JSON value, also of an `error` that is an object itself, normalised.
fn text_of_json(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.lines().next().map(normalised),
        Value::Object(members) => {
            let found = |name: &&str| members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name));
            let text = |name: &&str| {
                let (_, value) = found(name)?;
                if *name == CODE { code(value).or_else(|| text_of_json(value)) } else { text_of_json(value) }
            };
            let texts: Vec<_> = TELLING.iter().filter_map(text).filter(|text| !text.is_empty()).collect();
            (!texts.is_empty()).then(|| texts.join(": "))
        }
        Value::Array(items) => items.first().and_then(text_of_json),
        _ => None,
    }
}

/// Returns the value of a `code` as it is, if it is a number or a short word.
fn code(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (text.len() <= CODE_CHARS_MAX && text.chars().all(is_word)).then_some(text)
}

/// Returns the title of an HTML page.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let from = tag + lower.get(tag..)?.find('>')? + 1;
    let length = lower.get(from..)?.find("</title>")?;
    page.get(from..from + length).map(|title| title.trim().to_owned()).filter(|title| !title.is_empty())
}

/// Returns the text of a page or of XML without its tags.
fn without_tags(page: &str) -> String {
    let parts = page.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text.trim());
    parts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Replaces quoted values, and words that differ from job to job, by `#`: numbers, ids, hexadecimal digits, times and addresses.
fn normalised(text: &str) -> String {
    let unquoted = without_quotes(text);
    let words: Vec<&str> =
        unquoted.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let varies: Vec<bool> = words.iter().map(|word| varies(word)).collect();
    let is_beside = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| varies.get(before));
        [before, varies.get(at + 1)].into_iter().flatten().any(|varies| *varies)
    };
    let mut kept: Vec<&str> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let is_date = DATE_WORDS.contains(&word.trim_end_matches(',')) && is_beside(at);
        let word = if varies[at] || is_date { VARIES } else { word };
        // "after 3 of 10" and "after 4 s" say the same often enough, but "# #" says nothing more than "#".
        if word != VARIES || kept.last() != Some(&VARIES) {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// Shortens a text to [`CAUSE_TEXT_CHARS_MAX`].
fn shortened(text: &str) -> String {
    text.chars().take(CAUSE_TEXT_CHARS_MAX).collect()
}

/// True for a word with a digit, an `@` or a placeholder, for a long hexadecimal number, and for a random mix of letters.
fn varies(word: &str) -> bool {
    word.contains(|c: char| c.is_numeric() || matches!(c, '@' | '#')) || is_long_hex(word) || is_random(word)
}

/// True for a word of at least eight hexadecimal digits, even if they are all letters.
fn is_long_hex(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// True for a word of at least eight letters that changes between capital and small letters at every third of them, as random ids
/// do. `NullPointerException` changes at every fourth.
fn is_random(word: &str) -> bool {
    let letters: Vec<bool> = word.chars().filter(char::is_ascii_alphabetic).map(|c| c.is_ascii_uppercase()).collect();
    let changes = letters.windows(2).filter(|pair| pair[0] != pair[1]).count();
    letters.len() >= 8 && changes * 3 >= letters.len()
}

/// Replaces values in quotes. An apostrophe inside of a word is no quote, and a quote that is not closed stays.
fn without_quotes(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '`']) {
        let quote = &rest[at..=at];
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        kept.push_str(before);
        let opens = !kept.ends_with(|c: char| c.is_alphanumeric());
        let closes = |end: &usize| !after[end + 1..].starts_with(|c: char| c.is_alphanumeric());
        let end = after.match_indices(quote).map(|(end, _)| end).find(closes);
        if let Some(end) = end.filter(|_| opens) {
            kept.push_str(VARIES);
            rest = &after[end + 1..];
        } else {
            kept.push_str(quote);
            rest = after;
        }
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cause(status: Option<u16>, message: &str, answer: Option<&str>) -> Cause {
        let class = status.map_or(ErrorClass::Connect, ErrorClass::of_status);
        let at = FailedAt { kind: "webhook".into(), endpoint: "orders".into(), host: None };
        Cause::of(at, &JobError::new(class, message), status, answer.map(str::as_bytes))
    }

    fn text_of_answer(answer: &str) -> String {
        cause(Some(500), "The destination answered 500.", Some(answer)).text
    }

    #[test]
    fn what_differs_from_job_to_job_is_taken_out() {
        for (first, second, text) in [
            ("order 17 not found", "order 18 not found", "order # not found"),
            ("timeout after 3000ms", "timeout after 2999ms", "timeout after #"),
            ("no user a@example.com", "no user b@example.org", "no user #"),
            ("key \"abc\" is taken", "key \"abd\" is taken", "key # is taken"),
            ("User 'O'Brien' is unknown", "User 'Ann' is unknown", "User # is unknown"),
            ("no order ord_XkzQwPdTrbVn", "no order ord_YbTqXcRsPzLk", "no order #"),
            ("resets at Tue, 03 Dec 2026 10:00:00 GMT", "resets at Wed, 04 Dec 2026 10:00:00 GMT", "resets at #"),
            ("trace deadbeef failed", "trace cafebabe failed", "trace # failed"),
            ("at 2026-12-01T10:00:00Z 10.0.0.1", "at 2026-12-01T10:00:01Z 10.0.0.2", "at #"),
        ] {
            assert_eq!([text_of_answer(first), text_of_answer(second)], [text, text]);
            assert_eq!(cause(Some(500), "", Some(first)).id, cause(Some(500), "", Some(second)).id);
        }
    }

    #[test]
    fn what_an_answer_says_is_found_in_json_html_and_text() {
        for (answer, text) in [
            (r#"{"error":"out of stock","request_id":"9f2"}"#, "out of stock"),
            (r#"{"error":{"code":"card_declined","message":"no funds"}}"#, "card_declined: no funds"),
            (r#"{"errors":[1],"message":"bad"}"#, "bad"),
            (r#"["first","second"]"#, "first"),
            (r#"{"errors":[{"code":"card_declined"}]}"#, "card_declined"),
            (r#"{"errorMessage":"out of memory","errorType":"Runtime.ExitError"}"#, "Runtime.ExitError: out of memory"),
            (r#"{"Message":"Too many requests"}"#, "Too many requests"),
            (r#"{"code":"ERR_1001"}"#, "ERR_1001"),
            (r#"{"code":1001,"request":7}"#, "1001"),
            ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Id>65</Id></Error>", "AccessDenied #"),
            ("<html><title data-rh=\"true\">Down</title></html>", "Down"),
            ("java.lang.NullPointerException: no order", "java.lang.NullPointerException: no order"),
            ("<html><head><Title> Bad gateway </Title></head></html>", "Bad gateway"),
            ("database is down\nat line 3", "database is down"),
            ("don't know that user", "don't know that user"),
            ("", ""),
            (r#"{"ok":false}"#, ""),
            ("<html></html>", ""),
        ] {
            assert_eq!(text_of_answer(answer), text, "{answer}");
        }
        assert_eq!(cause(Some(500), "answered 500", Some("\u{fffd}\u{1}")).text, "");
        assert_eq!(
            text_of_body(b"Kasse geschlossen, n\xe4chste \xfcbrig").unwrap(),
            "Kasse geschlossen, n\u{fffd}chste \u{fffd}brig"
        );
    }

    #[test]
    fn without_an_answer_the_text_is_that_of_the_error() {
        assert_eq!(cause(None, "Connection refused by 10.0.0.1:443", None).text, "Connection refused by #");
        assert_eq!(cause(Some(429), "The provider has 3 calls left", None).text, "The provider has # calls left");
    }

    #[test]
    fn place_class_and_status_tell_causes_apart() {
        let text = Some("down");
        let all = [cause(Some(500), "", text), cause(Some(503), "", text), cause(Some(404), "", text)];
        let mut ids: Vec<_> = all.iter().map(|cause| cause.id.clone()).collect();
        let at = |kind: &str, endpoint: &str, host: Option<&str>| FailedAt {
            kind: kind.into(),
            endpoint: endpoint.into(),
            host: host.map(str::to_owned),
        };
        let error = JobError::new(ErrorClass::Http5xx, "");
        for at in [at("webhook", "other", None), at("webhook", "", Some("a.example")), at("a.task", "orders", None)] {
            ids.push(Cause::of(at, &error, Some(500), Some(b"down")).id);
        }
        assert!(ids.iter().all(|id| id.len() == "cause_".len() + ID_CHARS));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 6);
    }

    proptest! {
        #[test]
        fn a_text_is_bounded_and_has_no_numbers(text: String) {
            let once = normalised(&text);
            prop_assert!(!once.contains(|c: char| c.is_control() || c.is_numeric()));
            prop_assert!(normalised(&once).len() <= once.len());
            let found = text_of_body(text.as_bytes()).unwrap_or_default();
            prop_assert!(found.chars().count() <= CAUSE_TEXT_CHARS_MAX);
        }
    }
}
