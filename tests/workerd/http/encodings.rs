//! Bodies as tools send them: compressed with gzip, and with a byte order mark.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use longshore::wire::ndjson::NDJSON;
use longshore_kit::client::Answer;
use serde_json::{Value, json};

use crate::http::routes::{index, yearly};
use crate::support::refusal::{NOT_JSON, TOO_LARGE, WRONG_CODING, assert_problem, assert_refused};
use crate::support::tenant::Tenant;
use crate::support::world::shared;

const JSON: &str = "application/json";
const GZIP: (&str, &str) = ("content-encoding", "gzip");
/// Largest uncompressed gzip body of one bulk request, in MiB.
const INFLATED_MIB_MAX: usize = 256;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

type Case = (&'static str, String, &'static str, Vec<u8>);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn send(tenant: &Tenant<'_>, case: &Case, coding: Option<&str>, body: Vec<u8>) -> Answer {
    let (method, path, content_type, _) = case;
    let coding = coding.map(|coding| ("content-encoding", coding));
    let headers: Vec<_> = [("content-type", *content_type)].into_iter().chain(coding).collect();
    tenant.api.request(method, path, &headers, body).await.unwrap()
}

/// Every route that reads a body, with a body that it accepts repeatedly.
async fn cases(tenant: &Tenant<'_>) -> Vec<Case> {
    index(tenant, "notes").await;
    let (replayed, discarded) = (tenant.dead_letter().await, tenant.dead_letter().await);
    let job = tenant.webhook("/ok");
    let json = |method, path: &str, body: Value| (method, path.to_owned(), JSON, body.to_string().into_bytes());
    let lines = |path: &str, body: Value| ("POST", path.to_owned(), NDJSON, format!("{body}\n").into_bytes());
    vec![
        json("POST", "/v1/jobs", job.clone()),
        json("POST", "/v1/jobs/batch", json!({"jobs": [job]})),
        lines("/v1/jobs/batch", job),
        json("PUT", "/v1/endpoints/orders", json!({"url": tenant.url("/ok")})),
        json("PUT", "/v1/schedules/report", yearly(tenant)),
        json("PUT", "/v1/indexes/notes", json!({"provider": "builtin"})),
        lines("/v1/indexes/notes/documents", json!({"id": "a", "text": "some words"})),
        json("POST", "/v1/indexes/notes/search", json!({"query": "some words"})),
        json("POST", "/v1/indexes/notes/verify", json!({"repair": false})),
        json("POST", "/v1/keys", json!({"tenant": tenant.name, "scopes": ["jobs:read"]})),
        json("POST", &format!("/v1/dead-letters/{replayed}/replay"), json!({})),
        json("POST", &format!("/v1/dead-letters/{discarded}/discard"), json!({"note": "by hand"})),
    ]
}

/// Returns true if no part of the answer reports a refused line.
fn is_accepted(answer: &Answer) -> bool {
    (200..300).contains(&answer.status) && !answer.text.contains("not-json")
}

#[test]
fn every_body_may_be_compressed_or_have_a_byte_order_mark() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for case in cases(&tenant).await {
            let body = &case.3;
            let marked = [BYTE_ORDER_MARK, body].concat();
            let (one, other) = body.split_at(body.len() / 2);
            for (coding, body) in [
                (None, marked.clone()),
                (Some("identity"), body.clone()),
                (Some("gzip"), gzip(body)),
                (Some("X-GZip"), gzip(&marked)),
                (Some("gzip"), [gzip(one), gzip(b""), gzip(other)].concat()),
            ] {
                let answer = send(&tenant, &case, coding, body).await;
                // A replay or discard is not allowed a second time.
                let done = answer.status == 409 && case.1.contains("/dead-letters/");
                assert!(is_accepted(&answer) || done, "{} {} {coding:?}: {}", case.0, case.1, answer.text);
            }
        }
    });
}

#[test]
fn invalid_gzip_is_refused_on_every_route() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let bomb = gzip(&vec![b' '; 1024 * 1024]).repeat(8);
        for case in cases(&tenant).await {
            let what = |coding: &str| format!("{} {} {} {coding}", case.0, case.1, case.2);
            let good = gzip(&case.3);
            for coding in ["br", "deflate", "zstd", "gzip, gzip", "gzip, br"] {
                let answer = send(&tenant, &case, Some(coding), good.clone()).await;
                assert_refused(&what(coding), &answer, WRONG_CODING);
                assert_eq!(answer.header("accept-encoding"), Some("gzip"), "{}", what(coding));
            }
            let truncated = good[..good.len() - 4].to_vec();
            for broken in [case.3.clone(), truncated, [&good[..], b"garbage"].concat(), good[..12].to_vec()] {
                let answer = send(&tenant, &case, Some("gzip"), broken).await;
                if case.2 == NDJSON {
                    // Complete lines are accepted, as from a broken connection.
                    let last: Value = serde_json::from_str(answer.text.lines().last().unwrap()).unwrap();
                    assert_problem(&what("broken"), &last["problem"], NOT_JSON);
                } else {
                    assert_refused(&what("broken"), &answer, NOT_JSON);
                }
            }
            let answer = send(&tenant, &case, Some("gzip"), bomb.clone()).await;
            if case.2 == NDJSON {
                let first: Value = serde_json::from_str(answer.text.lines().next().unwrap()).unwrap();
                assert_problem(&what("a long line"), &first["problem"], TOO_LARGE);
            } else {
                assert_refused(&what("a bomb"), &answer, TOO_LARGE);
            }
        }
    });
}

/// A byte order mark may come before any line, as in concatenated files; a bomb of lines ends at its limit.
#[test]
fn lines_may_be_compressed_or_have_a_byte_order_mark() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/ok");
        job["delay_seconds"] = json!(31_000_000);
        let lines = format!("\u{feff}{job}\n\u{feff}\n{job}\r\n").repeat(2_500);
        let headers = [("content-type", NDJSON), GZIP];
        let answer = tenant.api.request("POST", "/v1/jobs/batch", &headers, gzip(lines.as_bytes())).await.unwrap();
        let last: Value = serde_json::from_str(answer.text.lines().last().unwrap()).unwrap();
        assert_eq!(last["summary"], json!({"accepted": 5_000, "duplicates": 0, "rejected": 0}), "{last}");
        assert_eq!((tenant.count_jobs().await, &last["problem"]), (5_000, &Value::Null));
        let empty_lines = gzip(&vec![b'\n'; 1024 * 1024]).repeat(INFLATED_MIB_MAX + 1);
        let answer = tenant.api.request("POST", "/v1/jobs/batch", &headers, empty_lines).await.unwrap();
        let last: Value = serde_json::from_str(answer.text.lines().last().unwrap()).unwrap();
        assert_problem("a bomb of lines", &last["problem"], TOO_LARGE);
    });
}
