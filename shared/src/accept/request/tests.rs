//! Tests of which problems are permanent, which depend on the time of the request, and which requests count as the
//! same.

use super::*;

/// Creates a job with an id and its time.
fn job(index: usize, id: &str, created_at: i64) -> NewJob {
    NewJob {
        index,
        id: id.into(),
        created_at,
        kind: "index".into(),
        endpoint: String::new(),
        payload: Some(format!("payload {index}")),
        payload_bytes: None,
        object: None,
        is_unsealed: false,
        idempotency_key: None,
        key_window_ms: 0,
        digest: String::new(),
        scheduled_at: None,
        deadline_at: None,
        max_attempts: None,
        max_attempts_default: 1,
        backoff: None,
        backoff_default: RetrySchedule::Once,
        event_id: None,
        group: None,
        metadata: None,
        traceparent: None,
        refused_if_new: None,
    }
}

#[test]
fn ids_are_in_the_order_of_the_request_and_keep_their_times() {
    let mut jobs = [job(0, "job_1C", 1), job(1, "job_1A", 1), job(2, "job_2B", 2), job(3, "job_1B", 1)];
    in_order(&mut jobs);
    let shown: Vec<_> =
        jobs.iter().map(|job| (job.index, job.id.as_str(), job.created_at, job.payload.as_deref())).collect();
    assert_eq!(
        shown,
        [
            (0, "job_1A", 1, Some("payload 0")),
            (1, "job_1B", 1, Some("payload 1")),
            (2, "job_1C", 1, Some("payload 2")),
            (3, "job_2B", 2, Some("payload 3")),
        ]
    );
    in_order(&mut []);
}

/// 2026-11-02T08:00:00Z.
const NOW: i64 = 1_793_606_400_000;

/// A clock that always shows the same time.
struct StoppedClock(i64);

impl Clock for StoppedClock {
    fn now_ms(&self) -> i64 {
        self.0
    }

    async fn sleep(&self, _duration: std::time::Duration) {}

    fn random(&self) -> u128 {
        7
    }
}

fn settings(more: &[(&str, &str)]) -> Settings {
    let get = |name: &str| match (name, more.iter().find(|(known, _)| *known == name)) {
        (_, Some((_, value))) => Some((*value).to_owned()),
        ("MASTER_KEY", _) => Some("ab".repeat(32)),
        ("PLAN", _) => Some("paid".to_owned()),
        _ => None,
    };
    Settings::parse(get).unwrap()
}

fn checked(text: &str, at: i64, settings: &Settings, key: Option<&str>) -> Result<NewJob, Problem> {
    check(&StoppedClock(at), settings, text.as_bytes(), 0, key.map(str::to_owned))
}

/// Formats a webhook job with additional fields.
fn with(fields: &str) -> String {
    format!(r#"{{"kind":"webhook","payload":{{"url":"https://a.example/"}}{fields}}}"#)
}

/// Checks a job that was valid with the settings `good`, and is invalid at the time and with the settings of its
/// repeat.
fn assert_waits_for_its_key(
    (text, good): (&str, &Settings),
    (at, settings): (i64, &Settings),
    (pointer, code): (&str, &str),
) {
    let first = checked(text, NOW, good, Some("k")).unwrap();
    assert!(first.refused_if_new.is_none() && first.payload.is_some(), "{text:.200}");
    let alone = checked(text, at, settings, None).unwrap_err();
    let named: Vec<_> = alone.errors().iter().map(|field| (field.pointer.clone(), field.code)).collect();
    let expected = if pointer.is_empty() { vec![] } else { vec![(pointer.to_owned(), code)] };
    let slug = if pointer.is_empty() { code } else { "invalid-request" };
    assert_eq!((alone.slug(), named), (slug, expected), "{text:.200}");
    let own_key = text.replacen('{', r#"{"idempotency_key":"k","#, 1);
    for repeat in [checked(text, at, settings, Some("k")), checked(&own_key, at, settings, None)] {
        let repeat = repeat.unwrap();
        assert_eq!(repeat.refused_if_new.as_ref(), Some(&alone), "{text:.200}");
        assert_eq!((&repeat.digest, &repeat.endpoint), (&first.digest, &first.endpoint), "{text:.200}");
        assert!(repeat.payload.is_none() && repeat.object.is_none(), "its payload is not stored");
        let item = serde_json::to_value(&repeat).unwrap();
        assert_eq!(item["refused_if_new"], 1, "the database gets the flag");
    }
    assert_eq!(serde_json::to_value(&first).unwrap().get("refused_if_new"), None);
}

/// Each job is valid at first and invalid at the time or with the settings of its repeat.
#[test]
fn a_problem_of_now_waits_for_the_key() {
    const PROVIDERS: &str =
        r#"{"own":{"type":"openai-compatible","url":"https://e.example/v1","models":{"m":{"dimensions":8}}}}"#;
    let large = format!(r#"{{"kind":"a.b","endpoint":"e","payload":"{}"}}"#, "x".repeat(3_000));
    let envelope = format!(
        r#"{{"kind":"webhook","payload":{{"url":"https://a.example/","headers":{{"a":"{}"}},"body":"{}"}}}}"#,
        "x".repeat(1_000),
        "y".repeat(1_000)
    );
    let texts: Vec<_> = (0..100).map(|n| format!(r#"{{"id":"{n}","text":"t"}}"#)).collect();
    let texts = format!(r#"{{"kind":"embed","payload":{{"inputs":[{}],"output":{{"index":"i"}}}}}}"#, texts.join(","));
    let (hour, year) = (3_600_000, RUN_AFTER_MS_MAX);
    let mut small = settings(&[]);
    small.plan.payload_inline_bytes = 500;
    let good = settings(&[("PRIVATE_DESTINATIONS", "10.0.0.1:*"), ("EMBED_PROVIDERS", PROVIDERS)]);
    for (text, later, now, pointer, code) in [
        (with(r#","deadline_at":"2026-11-02T08:00:06Z""#), 6_000, &good, "#/deadline_at", "in-the-past"),
        (
            with(r#","deadline_at":"2026-11-02T08:01:00Z","delay_seconds":59"#),
            1_000,
            &good,
            "#/deadline_at",
            "in-the-past",
        ),
        (with(r#","run_after":"2026-11-02T08:00:30Z""#), 90_001, &good, "#/run_after", "in-the-past"),
        (
            with(r#","run_after":"2026-11-02T08:00:30Z","deadline_at":"2026-11-02T08:00:31Z""#),
            31_000,
            &good,
            "#/deadline_at",
            "in-the-past",
        ),
        (with(r#","run_after":"2027-11-03T07:00:00Z""#), -hour - 1, &good, "#/run_after", "too-far-ahead"),
        (with(r#","deadline_at":"2027-11-03T07:00:00Z""#), -year, &good, "#/deadline_at", "too-far-ahead"),
        (
            r#"{"kind":"webhook","payload":{"url":"http://10.0.0.1:8080/"}}"#.to_owned(),
            0,
            &settings(&[]),
            "#/payload/url",
            "url-scheme",
        ),
        (
            r#"{"kind":"embed","payload":{"provider":"own","inputs":[{"id":"a","text":"b"}]}}"#.to_owned(),
            0,
            &settings(&[]),
            "#/payload/provider",
            "unknown-provider",
        ),
        (
            r#"{"kind":"embed","payload":{"provider":"own","model":"m","inputs":[{"id":"a","text":"b"}]}}"#.to_owned(),
            0,
            &settings(&[("EMBED_PROVIDERS", &PROVIDERS.replace("\"m\"", "\"n\""))]),
            "#/payload/model",
            "unknown-model",
        ),
        (texts, 0, &settings(&[("PLAN", "free")]), "#/payload/inputs", "out-of-range"),
        (large, 0, &settings(&[("PAYLOAD_BYTES", "3001")]), "", "too-large"),
        (envelope, 0, &small, "", "too-large"),
    ] {
        assert_waits_for_its_key((&text, &good), (NOW + later, now), (pointer, code));
    }
}

#[test]
fn the_form_is_checked_with_and_without_a_key() {
    for (text, expected) in [
        (with(r#","run_after":"2026-11-02T08:00:30Z","deadline_at":"2026-11-02T08:00:30Z""#), "in-the-past"),
        (
            with(r#","run_after":"2026-11-01T08:00:30Z","deadline_at":"2026-10-02T08:00:30Z""#),
            "in-the-past in-the-past",
        ),
        (with(r#","delay_seconds":31622401"#), "out-of-range"),
        (with(r#","delay_seconds":1,"run_after":"2026-11-02T08:00:30Z""#), "either-or"),
        (with(r#","deadline_at":"tomorrow""#), "invalid-time"),
        (with(r#","deadline_at":"2026-11-01T08:00:00Z","max_attempts":0"#), "in-the-past out-of-range"),
        (r#"{"kind":"none","payload":1}"#.to_owned(), "unknown-kind"),
        (
            r#"{"kind":"webhook","payload":{"url":"https://10.0.0.1/","timeout_seconds":31}}"#.to_owned(),
            "destination-blocked out-of-range",
        ),
        (r#"{"kind":"embed","payload":{"provider":"x","inputs":[]}}"#.to_owned(), "out-of-range unknown-provider"),
    ] {
        let refused = checked(&text, NOW, &settings(&[]), Some("k")).unwrap_err();
        let codes: Vec<_> = refused.errors().iter().map(|field| field.code).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        assert_eq!(sorted.join(" "), expected, "{text}");
        assert_eq!(checked(&text, NOW, &settings(&[]), None).unwrap_err(), refused, "the same without a key");
    }
    let wrong_key = checked(&with(r#","deadline_at":"2026-11-01T08:00:00Z""#), NOW, &settings(&[]), Some(""));
    assert_eq!(wrong_key.unwrap_err().slug(), "invalid-idempotency-key");
}

fn digest_of(text: &str, at: i64) -> String {
    checked(text, at, &settings(&[]), Some("k")).unwrap().digest
}

/// White space, the order of members, the key itself, the trace, null members and the time do not make another request.
#[test]
fn the_order_of_members_does_not_matter() {
    for (one, other) in [
        (
            r#"{"kind":"webhook","payload":{"url":"https://a.example/","body":{"a":[1,{"c":2,"b":3}],"d":" "}},"metadata":{"x":{"z":1,"y":2}}}"#,
            "{\"metadata\" : {\"x\":{\"y\" :2, \"z\":1}}, \"payload\":{\n\"body\":{\"d\": \" \", \"a\": [1, {\"b\":3,\"c\":2}]}, \"url\":\"https://a.example/\"} ,\"kind\":\"webhook\"} ",
        ),
        (
            r#"{"kind":"a.b","endpoint":"e","payload":{"b":1,"a":[]}}"#,
            r#"{"endpoint":"e","payload":{"a":[ ],"b":1},"kind":"a.b","idempotency_key":"another","group":null}"#,
        ),
        (
            r#"{"kind":"webhook","endpoint":"e","payload":{"body":1},"delay_seconds":5}"#,
            r#"{"kind":"webhook","endpoint":"e","payload":{"url":null,"body":1,"body_base64":null},"delay_seconds":5,"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
        ),
        (
            r#"{"kind":"index","payload":{"index":"i","put":{"id":"a","text":"b","metadata":{"n":1,"m":1.50}}}}"#,
            r#"{"kind":"index","payload":{"put":{"metadata":{"m":1.50, "n":1},"text":"b","id":"a"},"index":"i"}}"#,
        ),
    ] {
        assert_eq!(digest_of(one, NOW), digest_of(other, NOW + 3_600_000), "{one}");
    }
}

#[test]
fn another_number_text_or_member_is_another_request() {
    let payloads = [
        "1",
        "1.0",
        "1e0",
        "\"1\"",
        "null",
        "{}",
        "[]",
        r#"{"a":null}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":2,"a":1}"#,
        r#""A""#,
        r#""\u0041""#,
        r#"" A""#,
        "[1,2]",
        "[2,1]",
        "9007199254740993",
        "9007199254740992",
    ];
    let mut texts: Vec<_> =
        payloads.iter().map(|payload| format!(r#"{{"kind":"a.b","endpoint":"e","payload":{payload}}}"#)).collect();
    texts.extend([
        r#"{"kind":"a.c","endpoint":"e","payload":1}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"f","payload":1}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"metadata":{}}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"metadata":{"n":1}}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"metadata":{"n":1.0}}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"delay_seconds":1}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"delay_seconds":2}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"run_after":"2026-11-02T08:00:01Z"}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"run_after":"2026-11-02T08:00:01.000Z"}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"group":"g"}"#.to_owned(),
        r#"{"kind":"a.b","endpoint":"e","payload":1,"idempotency_window_seconds":5}"#.to_owned(),
    ]);
    let digests: std::collections::BTreeSet<_> = texts.iter().map(|text| digest_of(text, NOW)).collect();
    assert_eq!(digests.len(), texts.len());
}
