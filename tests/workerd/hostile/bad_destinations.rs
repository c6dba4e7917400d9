//! Bad input: forbidden destinations and forbidden headers, of jobs and of endpoints.

use serde_json::json;

use crate::hostile::bad_fields::{assert_jobs_refused, with_payload};
use crate::support::refusal::{assert_refused, invalid};
use crate::support::world::shared;

/// Codes, and URLs that are refused with them.
const NOT_ALLOWED: [(&str, &str); 6] = [
    (
        "destination-blocked",
        "https://10.0.0.1/ https://172.16.0.1/ https://192.168.1.1/ https://169.254.169.254/latest/meta-data
         https://100.64.0.1/ https://0.0.0.0/ https://224.0.0.1/ https://255.255.255.255/ https://127.0.0.2/
         https://[::1]/ https://[::]/ https://[fc00::1]/ https://[fe80::1]/ https://[::ffff:10.0.0.1]/
         https://[64:ff9b::a00:1]/ https://[2002:a00:1::]/ https://localhost/ https://localhost./
         https://a.localhost/ https://db.internal/ https://metadata.google.internal/ https://printer.local/
         https://intranet/ https://router.home.arpa/ https://0x0a000001/ https://167772161/ https://10.1/
         https://012.0.0.1/ https://１０.0.0.1/",
    ),
    ("url-userinfo", "https://user:secret@example.com/ https://user@example.com/ https://example.com:x@a.example/"),
    ("url-scheme", "http://example.com/ ftp://example.com/ file:///etc/passwd javascript:alert(1) ws://example.com/"),
    ("url-port", "https://example.com:8443/ https://example.com:22/ https://example.com:99999/"),
    ("url-invalid", "example.com /path //example.com/ https"),
    ("url-host", "https:// https://[::1 https://1.2.3.4.5/ https://256.1.1.1/"),
];

const FORBIDDEN_HEADERS: &str = "host Content-Length transfer-encoding connection keep-alive te trailer upgrade expect
    Cookie webhook-id Webhook-Signature webhook-timestamp longshore-kind cf-connecting-ip proxy-authorization
    x-forwarded-for accept-encoding";

/// Forbidden destinations. This runner allows 127.0.0.1 with any port, and no other private address.
#[test]
fn destinations_that_are_not_allowed() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut cases = Vec::new();
        for (code, urls) in NOT_ALLOWED {
            let urls = urls.split_whitespace();
            cases.extend(urls.map(|url| (with_payload(&tenant, "url", json!(url)), invalid("#/payload/url", code))));
        }
        for (code, url) in [("url-invalid", ""), ("url-host", "https://exa mple.com/"), ("url-scheme", "data:a, b")] {
            cases.push((with_payload(&tenant, "url", json!(url)), invalid("#/payload/url", code)));
        }
        let long = format!("https://example.com/{}", "x".repeat(2_048));
        cases.push((with_payload(&tenant, "url", json!(long)), invalid("#/payload/url", "url-too-long")));
        assert_jobs_refused(&tenant, &cases).await;
        for (job, expected) in &cases {
            let field = expected.field.unwrap();
            let answer = tenant.api.put("/v1/endpoints/orders", &json!({"url": job["payload"]["url"]})).await.unwrap();
            assert_refused(&job.to_string(), &answer, invalid("#/url", field.1));
        }
        assert_eq!(tenant.read("/v1/endpoints").await["data"], json!([]));
    });
}

#[test]
fn headers_that_may_not_be_set() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut headers: Vec<(String, &str, &str)> =
            FORBIDDEN_HEADERS.split_whitespace().map(|name| (name.to_owned(), "v", "header-forbidden")).collect();
        for name in ["", "a b", "a:b", "ä", "a\r\nb", "a\u{0}"] {
            headers.push((name.to_owned(), "v", "header-name"));
        }
        headers.push(("x".repeat(65), "v", "header-name"));
        for value in ["a\r\nx-injected: 1", "a\nb", "a\rb", "a\u{0}b", "\u{1}", "\u{7f}", "ä", "漢", " a", "a "] {
            headers.push(("x-test".to_owned(), value, "header-value"));
        }
        let long = "x".repeat(4_097);
        headers.push(("x-test".to_owned(), &long, "too-long"));
        // A unit test checks the pointers in full; here each header must be refused by name.
        for (name, value, code) in headers {
            let headers = json!({ name.clone(): value });
            let job = tenant.api.post("/v1/jobs", &with_payload(&tenant, "headers", headers.clone())).await.unwrap();
            let endpoint = json!({"url": tenant.url("/ok"), "headers": headers});
            let endpoint = tenant.api.put("/v1/endpoints/orders", &endpoint).await.unwrap();
            for (answer, base) in [(job, "#/payload/headers/"), (endpoint, "#/headers/")] {
                let what = format!("{name:?}: {value:?} {}", answer.body);
                assert_eq!(
                    (answer.status, answer.header("content-type")),
                    (422, Some("application/problem+json")),
                    "{what}"
                );
                let error = &answer.body["errors"][0];
                assert_eq!(error["code"], code, "{what}");
                assert!(error["pointer"].as_str().unwrap().starts_with(base), "{what}");
            }
        }
        let twice = with_payload(&tenant, "headers", json!({"x-a": "1", "X-A": "2"}));
        let shown = with_payload(&tenant, "headers", json!({"authorization": "[sealed]"}));
        let cases = [
            (twice, invalid("#/payload/headers/x-a", "duplicate-field")),
            (shown, invalid("#/payload/headers/authorization", "sealed")),
        ];
        for (job, expected) in cases {
            assert_refused(&job.to_string(), &tenant.api.post("/v1/jobs", &job).await.unwrap(), expected);
        }
        let many: serde_json::Map<_, _> = (0..33).map(|n| (format!("x-{n}"), json!("v"))).collect();
        let cases = [(with_payload(&tenant, "headers", json!(many)), invalid("#/payload/headers", "too-many"))];
        assert_jobs_refused(&tenant, &cases).await;
        assert_eq!(tenant.read("/v1/endpoints").await["data"], json!([]));
    });
}
