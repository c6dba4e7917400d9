//! Bad input: wrong fields of endpoints and keys, invalid idempotency keys, and JSON that Longshore does not accept.

use serde_json::{Value, json};

use crate::hostile::bad_fields::{assert_jobs_refused, with};
use crate::support::raw;
use crate::support::refusal::{BAD_KEY, FORBIDDEN, NOT_JSON, assert_refused, invalid};
use crate::support::tenant::in_ms;
use crate::support::world::shared;

#[test]
fn invalid_idempotency_keys() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let long = "x".repeat(256);
        let cases: Vec<_> = ["", &long, "a\u{1}b", "a\nb", "\u{0}", "\u{7f}", "\u{85}"]
            .iter()
            .map(|key| (with(&tenant, "idempotency_key", json!(key)), BAD_KEY))
            .collect();
        assert_jobs_refused(&tenant, &cases).await;
        let quoted_long = format!("\"{long}\"");
        let headers = ["", "\"\"", &long, &quoted_long, "a b", "\"a", "a, b", "\"a\", \"b\"", "a;b", "ä", "\"ä\""];
        for key in headers {
            for path in ["/v1/jobs", "/v1/jobs/batch"] {
                let job =
                    if path == "/v1/jobs" { tenant.webhook("/ok") } else { json!({"jobs": [tenant.webhook("/ok")]}) };
                let answer = tenant.api.post_with(path, &[("idempotency-key", key)], &job).await.unwrap();
                assert_refused(&format!("{path} {key:?}"), &answer, BAD_KEY);
            }
        }
        // Bytes that no client library sends: workerd lets them through.
        for byte in ['\u{1}', '\u{7f}'] {
            let token = world.key(&tenant.name, &["jobs:write"]).await.1;
            let key = format!("idempotency-key: \"a{byte}b\"");
            let answer = raw::post_job(world.runner.url(), &token, &key, &tenant.webhook("/ok")).await;
            assert_refused(&format!("{key:?}"), &answer, BAD_KEY);
        }
        assert_eq!(tenant.count_jobs().await, 1, "the good one of the batch");
    });
}

#[test]
fn endpoints() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let url = tenant.url("/ok");
        let put = async |id: &str, body: Value| tenant.api.put(&format!("/v1/endpoints/{id}"), &body).await.unwrap();
        let cases = [
            (json!({}), invalid("#/url", "missing-field")),
            (json!({"url": 7}), invalid("#/url", "invalid-type")),
            (json!({"url": url, "uri": "x"}), invalid("#/uri", "unknown-field")),
            (json!({"url": url, "timeout_seconds": 601}), invalid("#/timeout_seconds", "out-of-range")),
            (json!({"url": url, "timeout_seconds": 0}), invalid("#/timeout_seconds", "out-of-range")),
            (json!({"url": url, "max_attempts": 51}), invalid("#/max_attempts", "out-of-range")),
            (json!({"url": url, "schedule": "hourly"}), invalid("#/schedule", "unknown-value")),
            (json!({"url": url, "evidence": "some"}), invalid("#/evidence", "unknown-value")),
            (json!({"url": url, "dead_letter_on": ["http_200"]}), invalid("#/dead_letter_on/0", "unknown-value")),
            (
                json!({"url": url, "redact": {"body_pointers": ["a"]}}),
                invalid("#/redact/body_pointers/0", "invalid-pointer"),
            ),
            (json!({"url": url, "redact": {"bodies": []}}), invalid("#/redact/bodies", "unknown-field")),
        ];
        for (body, expected) in cases {
            assert_refused(&body.to_string(), &put("orders", body.clone()).await, expected);
        }
        for id in ["a%20b", "a.b", "%00", &"x".repeat(65)] {
            assert_refused(id, &put(id, json!({"url": url})).await, invalid("#", "invalid-name"));
        }
        assert_eq!(tenant.read("/v1/endpoints").await["data"], json!([]));
    });
}

#[test]
fn keys() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let name = &tenant.name;
        let cases = [
            (json!({"tenant": name}), invalid("#/scopes", "missing-field")),
            (json!({"tenant": name, "scopes": []}), invalid("#/scopes", "missing-field")),
            (json!({"tenant": name, "scopes": ["root"]}), invalid("#/scopes/0", "unknown-value")),
            (json!({"tenant": "a b", "scopes": ["admin"]}), invalid("#/tenant", "invalid-name")),
            (json!({"tenant": name, "scopes": ["admin"], "name": "a\u{7}"}), invalid("#/name", "too-long")),
            (json!({"tenant": name, "scopes": ["admin"], "name": "x".repeat(201)}), invalid("#/name", "too-long")),
            (
                json!({"tenant": name, "scopes": ["admin"], "expires_at": "soon"}),
                invalid("#/expires_at", "invalid-time"),
            ),
            (
                json!({"tenant": name, "scopes": ["admin"], "expires_at": in_ms(-1_000)}),
                invalid("#/expires_at", "in-the-past"),
            ),
            (
                json!({"tenant": name, "scopes": ["admin"], "expires_at": "9999-01-01T00:00:00Z"}),
                invalid("#/expires_at", "too-far-ahead"),
            ),
            (json!({"tenant": "another", "scopes": ["admin"]}), FORBIDDEN),
            (json!({"tenant": "*", "scopes": ["admin"]}), FORBIDDEN),
        ];
        for (body, expected) in cases {
            assert_refused(&body.to_string(), &tenant.api.post("/v1/keys", &body).await.unwrap(), expected);
        }
        let keys = tenant.read("/v1/keys").await;
        assert_eq!(keys["data"].as_array().unwrap().len(), 1, "only the one this test calls with");
    });
}

#[test]
fn numbers_and_texts_that_json_allows_and_longshore_refuses() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let url = tenant.url("/ok");
        let twice = format!(r#"{{"kind":"webhook","kind":"webhook","payload":{{"url":"{url}"}}}}"#);
        let surrogate = format!(r#"{{"kind":"webhook","payload":{{"url":"{url}"}},"metadata":{{"a":"\ud800"}}}}"#);
        let trailing = format!("{} {{}}", tenant.webhook("/ok"));
        let huge_number = format!(r#"{{"kind":"webhook","payload":{{"url":"{url}"}},"max_attempts":1e999}}"#);
        let wrong = format!(r#"{{"kind":7,"payload":{{"url":"{url}"}},"metadata":{{"a":"b"#);
        let cases = [
            (twice, invalid("#/kind", "duplicate-field")),
            (surrogate, invalid("#/metadata", "unreadable-value")),
            (huge_number, invalid("#/max_attempts", "unreadable-value")),
            (trailing, NOT_JSON),
            (wrong, NOT_JSON),
        ];
        for (body, expected) in cases {
            let headers = [("content-type", "application/json")];
            let answer = tenant.api.request("POST", "/v1/jobs", &headers, body.clone().into_bytes()).await.unwrap();
            assert_refused(&body, &answer, expected);
        }
        assert_eq!(tenant.count_jobs().await, 0);
    });
}
