//! Properties of short texts in a request or an answer: the idempotency key, headers, Retry-After, times.

use std::collections::HashSet;
use std::time::Duration;

use longshore::kinds::judge;
use longshore::model::backoff::parse_retry_after;
use longshore::model::outcome::{Outcome, RetryAfter};
use longshore::ports::HttpResponse;
use longshore::wire::headers::{Headers, check_headers};
use longshore::wire::idempotency::{KeyError, check_key, parse_header};
use longshore::wire::time::{date, parse_rfc3339, rfc3339};

use crate::stub::claimed;
use crate::{head, texts};

/// Checks the `Idempotency-Key` header: an accepted key is also valid in JSON, and the same key in quotes.
pub fn idempotency_key(bytes: &[u8]) -> bool {
    let [header] = texts::<1>(bytes);
    assert_ne!(check_key(&header), Err(KeyError::Syntax));
    let Ok(key) = parse_header(&header) else { return false };
    assert_eq!(check_key(&key), Ok(()));
    let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    assert_eq!(parse_header(&quoted), Ok(key));
    true
}

/// Checks headers of a caller, one per line: accepted ones can be sent, and none is reserved for Longshore.
pub fn headers(bytes: &[u8]) -> bool {
    let [text] = texts::<1>(bytes);
    let headers: Vec<(String, String)> =
        text.split('\n').filter_map(|line| line.split_once(':')).map(|(a, b)| (a.into(), b.into())).collect();
    let mut errors = Vec::new();
    check_headers(&Headers(headers.clone()), "#/headers", &mut errors);
    assert!(errors.iter().all(|field| field.pointer.starts_with("#/headers")));
    if !errors.is_empty() {
        return false;
    }
    let mut names = HashSet::new();
    for (name, value) in &headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name that http takes");
        let value = http::HeaderValue::from_str(value).expect("a value that http takes");
        assert!(value.to_str().is_ok_and(|value| value.trim() == value));
        assert!(!["host", "content-length", "transfer-encoding", "connection", "cookie"].contains(&name.as_str()));
        assert!(!name.as_str().starts_with("webhook-") && !name.as_str().starts_with("cf-"));
        assert!(names.insert(name), "a header is accepted twice");
    }
    !headers.is_empty()
}

/// Checks a status, a clock, and a destination's Retry-After.
pub fn retry_after(bytes: &[u8]) -> bool {
    let (status, rest) = head::<2>(bytes);
    let (clock, value) = head::<8>(rest);
    let (status, now_ms) = (u16::from_le_bytes(status), i64::from_le_bytes(clock));
    let value = String::from_utf8_lossy(value).into_owned();
    let wait = parse_retry_after(&value, now_ms);
    assert!(wait.is_none_or(|wait| (Duration::from_secs(1)..=Duration::from_hours(24)).contains(&wait)), "{wait:?}");
    if let Ok(seconds) = value.parse::<u32>() {
        let expected = u64::from(seconds).clamp(1, 86_400);
        assert_eq!(wait.is_some_and(|wait| wait.as_secs() == expected), !value.starts_with('+'));
    }
    let response = HttpResponse {
        status,
        headers: vec![("Retry-After".into(), value)],
        body: Vec::new(),
        truncated: false,
        body_error: None,
    };
    let job = claimed(r#"{"url":"https://example.com/"}"#, None);
    match judge(&job, &Ok(response), now_ms) {
        Outcome::Deferred { .. } | Outcome::Unconfigured { .. } => unreachable!("a webhook"),
        Outcome::Succeeded { .. } => assert!((200..300).contains(&status)),
        Outcome::Failed { retry_after, .. } => {
            assert!(!(200..300).contains(&status));
            let expected = wait.map(|wait| match status {
                429 | 503 => RetryAfter::Deferral(wait),
                _ => RetryAfter::AtLeast(wait),
            });
            assert_eq!(retry_after, expected);
        }
    }
    wait.is_some()
}

/// Checks a time: it is the same after it is written and read again.
pub fn time(bytes: &[u8]) -> bool {
    let [text] = texts::<1>(bytes);
    let Some(ms) = parse_rfc3339(&text) else { return false };
    let written = rfc3339(ms);
    assert_eq!(parse_rfc3339(&written), Some(ms), "{text:?} was written as {written:?}");
    assert!(written.starts_with(&date(ms)) && written.ends_with('Z'));
    true
}
