//! JSON of callers is returned token for token by the real Workers: only white space may change.

use longshore::wire::ndjson::NDJSON;
use longshore_kit::client::Answer;
use serde_json::json;

use crate::http::indexes::make;
use crate::support::refusal::{NOT_JSON, Refusal, assert_problem, assert_refused, invalid};
use crate::support::tenant::{Tenant, id_of};
use crate::support::world::shared;

/// Tokens that conversion to a value would change or lose.
const BODY: &str = r#"{"z":[117.63331139400017,12345678901234567890123,18446744073709551616,-0,1E5,1.0,0.1e-7],"a":null,"a":1,"s":"\u00e9\/\ud83d\ude00"}"#;
const METADATA: &str = r#"{"z":[117.63331139400017,12345678901234567890123,-0,1E5,1.0],"a":{"n":null},"s":"\u00e9\/"}"#;

async fn send(tenant: &Tenant<'_>, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json")];
    tenant.api.request(method, path, &headers, body.as_bytes().to_vec()).await.unwrap()
}

async fn text_of(tenant: &Tenant<'_>, path: &str, accept: &str) -> String {
    let answer = tenant.api.request("GET", path, &[("accept", accept)], Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.text
}

#[track_caller]
fn assert_has(text: &str, name: &str, json: &str, times: usize) {
    assert_eq!(text.matches(&format!(r#""{name}":{json}"#)).count(), times, "{name} in {text}");
}

/// A job in every answer about it, and the request after a replay with the shown payload, edited.
#[test]
fn jobs_and_their_replays_are_kept_token_for_token() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let payload = format!(r#"{{"headers":{{"x-b":"\u0041","x-a":"1"}},"body":{BODY}}}"#);
        tenant.endpoint("orders", "/status/500", json!({"max_attempts": 1})).await;
        let job = format!(r#"{{"kind":"webhook","endpoint":"orders","metadata":{METADATA},"payload":{payload}}}"#);
        let accepted = send(&tenant, "POST", "/v1/jobs", &job).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        let id = id_of(&accepted.body);
        let ended = format!("/v1/jobs/{id}?wait=30");
        let dead = text_of(&tenant, &ended, "*/*").await;
        assert_has(&dead, "metadata", METADATA, 1);
        assert_has(&dead, "payload", &payload, 1);
        let export = format!("/v1/tenants/{}/export", tenant.name);
        let letter = format!("/v1/dead-letters/{id}");
        // In an export a job includes its dead letter.
        for (path, accept, times) in
            [("/v1/jobs", "*/*", 1), ("/v1/jobs", NDJSON, 1), (&*letter, "*/*", 1), (&*export, NDJSON, 2)]
        {
            assert_has(&text_of(&tenant, path, accept).await, "metadata", METADATA, times);
        }
        assert_has(&text_of(&tenant, &export, NDJSON).await, "payload", &payload, 1);
        tenant.endpoint("orders", "/ok", json!({"max_attempts": 1})).await;
        let edited = payload.replace("1E5", "1E6");
        let replay = format!(r#"{{"payload":{edited}}}"#);
        let replayed = send(&tenant, "POST", &format!("/v1/dead-letters/{id}/replay"), &replay).await;
        assert_eq!(replayed.status, 202, "{}", replayed.text);
        assert_has(&replayed.text, "metadata", METADATA, 1);
        assert_has(&replayed.text, "payload", &edited, 1);
        assert_eq!(tenant.ended(&id_of(&replayed.body)).await["state"], "succeeded");
        let received = tenant.received();
        let bodies: Vec<_> = received.iter().map(|sent| String::from_utf8_lossy(&sent.body).into_owned()).collect();
        assert_eq!(bodies, [BODY.to_owned(), BODY.replace("1E5", "1E6")]);
        // Larger than any double: a client that converts it to a value cannot read it, but it is JSON.
        let huge = r#"{"kind":"webhook","delay_seconds":60,"metadata":{"n":-1e400},"endpoint":"orders","payload":{"body":[1e400]}}"#;
        let accepted = send(&tenant, "POST", "/v1/jobs", huge).await;
        let job = text_of(&tenant, &format!("/v1/jobs/{}", id_of(&accepted.body)), "*/*").await;
        assert!(job.contains(r#""metadata":{"n":-1e400}"#) && job.contains(r#""body":[1e400]"#), "{job}");
    });
}

#[test]
fn schedules_and_documents_are_kept_token_for_token() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let payload = format!(r#"{{"body":{BODY},"url":"{}"}}"#, tenant.url("/ok"));
        let schedule = format!(r#"{{"cron":"0 0 1 1 *","kind":"webhook","metadata":{METADATA},"payload":{payload}}}"#);
        let put = send(&tenant, "PUT", "/v1/schedules/report", &schedule).await;
        assert_eq!(put.status, 200, "{}", put.text);
        let ran = tenant.act("/v1/schedules/report/run").await;
        let job = text_of(&tenant, &format!("/v1/jobs/{}", id_of(&ran.body)), "*/*").await;
        let read = text_of(&tenant, "/v1/schedules/report", "*/*").await;
        for text in [&put.text, &read] {
            assert_has(text, "payload", &payload, 1);
            assert_has(text, "metadata", METADATA, 1);
        }
        assert_has(&job, "metadata", METADATA, 1);
        assert_has(&text_of(&tenant, "/v1/schedules", NDJSON).await, "metadata", METADATA, 1);
        make(&tenant, "notes", "builtin").await;
        let line = format!(r#"{{"id":"a","text":"A word.","metadata":{METADATA}}}"#);
        let headers = [("content-type", NDJSON)];
        let path = "/v1/indexes/notes/documents";
        let answer = tenant.api.request("POST", path, &headers, line.into_bytes()).await.unwrap();
        let result: serde_json::Value = serde_json::from_str(answer.text.lines().next().unwrap()).unwrap();
        assert_eq!(tenant.ended(&id_of(&result)).await["state"], "succeeded");
        let asked = json!({"query": "word", "mode": "keyword"});
        let found = tenant.api.post("/v1/indexes/notes/search", &asked).await.unwrap();
        assert_has(&found.text, "metadata", METADATA, 1);
        let export = text_of(&tenant, &format!("/v1/tenants/{}/export", tenant.name), NDJSON).await;
        let document = export.lines().find(|line| line.contains(r#""type":"document""#)).unwrap();
        assert_has(document, "metadata", METADATA, 1);
    });
}

/// A duplicate name is reported with its exact pointer, in every object that callers write.
#[test]
fn a_duplicate_name_is_refused() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let url = tenant.url("/ok");
        let twice = |pointer| invalid(pointer, "duplicate-field");
        let job =
            |more: &str, payload: &str| format!(r#"{{"kind":"webhook",{more}"payload":{{"url":"{url}"{payload}}}}}"#);
        let jobs = [
            (job(r#""metadata":{"a":1,"b/c":2,"b/c":2},"#, ""), twice("#/metadata/b~1c")),
            (job(r#""metadata":{"a":[{"x":1,"x":2}]},"#, ""), twice("#/metadata/a/0/x")),
            (job(r#""group":"a","group":"a","#, ""), twice("#/group")),
            (job("", r#","headers":{"x-a":"1","X-A":"2"}"#), twice("#/payload/headers/X-A")),
            (job("", r#","headers":{"x-a":"1","x-a":"1"}"#), twice("#/payload/headers/x-a")),
            (job("", r#","url":"https://a.example/""#), twice("#/payload/url")),
            (job("", r#","body":1,"body":1"#), twice("#/payload/body")),
        ];
        let all: Vec<_> = jobs.iter().map(|(job, _)| job.as_str()).collect();
        let batch = send(&tenant, "POST", "/v1/jobs/batch", &format!(r#"{{"jobs":[{}]}}"#, all.join(","))).await;
        for ((job, expected), result) in jobs.iter().zip(batch.body["results"].as_array().unwrap()) {
            assert_refused(job, &send(&tenant, "POST", "/v1/jobs", job).await, *expected);
            assert_problem(job, &result["problem"], *expected);
        }
        let schedule =
            |more: &str| format!(r#"{{"cron":"@yearly","kind":"webhook","payload":{{"url":"{url}"}}{more}}}"#);
        let name = &tenant.name;
        let cases: [(&str, &str, String, Refusal); 6] = [
            ("PUT", "/v1/schedules/a", schedule(r#","metadata":{"a":1,"a":1}"#), twice("#/metadata/a")),
            ("PUT", "/v1/schedules/a", schedule(r#","cron":"@daily""#), twice("#/cron")),
            (
                "PUT",
                "/v1/endpoints/a",
                format!(r#"{{"url":"{url}","headers":{{"a":"1","A":"1"}}}}"#),
                twice("#/headers/A"),
            ),
            ("PUT", "/v1/endpoints/a", format!(r#"{{"url":"{url}","url":"{url}"}}"#), twice("#/url")),
            ("POST", "/v1/keys", format!(r#"{{"tenant":"{name}","scopes":["admin"],"scopes":[]}}"#), twice("#/scopes")),
            ("PUT", "/v1/indexes/a", r#"{"provider":"builtin","provider":"builtin"}"#.to_owned(), twice("#/provider")),
        ];
        for (method, path, body, expected) in cases {
            assert_refused(&body, &send(&tenant, method, path, &body).await, expected);
        }
        assert_eq!(tenant.count_jobs().await, 0);
    });
}

/// A subject that no path can name could never be erased.
#[test]
fn a_subject_that_cannot_be_erased_is_refused() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let expected = invalid("#/metadata/subject", "invalid-subject");
        let job = |subject: &str| {
            let url = tenant.url("/ok");
            format!(r#""kind":"webhook","payload":{{"url":"{url}"}},"metadata":{{"subject":{subject}}}"#)
        };
        for subject in [r#"".""#, r#""..""#, r#""""#, r#""a\u0000b""#, r#""\ufffd""#, "true", "[]", "{}"] {
            let refused = send(&tenant, "POST", "/v1/jobs", &format!("{{{}}}", job(subject))).await;
            assert_refused(subject, &refused, expected);
            let schedule = format!(r#"{{"cron":"@yearly",{}}}"#, job(subject));
            assert_refused(subject, &send(&tenant, "PUT", "/v1/schedules/a", &schedule).await, expected);
        }
        assert_eq!(tenant.count_jobs().await, 0);
        for subject in [r#""user-7""#, r#""a/b?c#d e%2e""#, "12345678901234567890123", "null", r#""...""#] {
            let accepted = send(&tenant, "POST", "/v1/jobs", &format!("{{{}}}", job(subject))).await;
            assert_eq!(accepted.status, 202, "{subject}: {}", accepted.text);
        }
    });
}

/// A body that is not JSON is reported as that on every route, even if a wrong field precedes the syntax error.
#[test]
fn a_syntax_error_after_a_wrong_field_is_not_json() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let dead = tenant.dead_letter().await;
        make(&tenant, "notes", "builtin").await;
        let letters = ["replay", "discard"].map(|what| format!("/v1/dead-letters/{dead}/{what}"));
        let ends = ["complete", "fail"].map(|what| format!("/v1/jobs/{dead}/{what}"));
        let posts = ["/v1/jobs", "/v1/jobs/batch", "/v1/keys", "/v1/indexes/notes/search", "/v1/indexes/notes/verify"];
        let puts = ["/v1/endpoints/a", "/v1/schedules/a", "/v1/indexes/notes"];
        let posts = posts.into_iter().chain(letters.iter().chain(&ends).map(String::as_str)).map(|path| ("POST", path));
        for (method, path) in posts.chain(puts.map(|path| ("PUT", path))) {
            for body in
                [r#"{"unknown":1,"a":"#, r#"{"unknown":1}}"#, r#"{"unknown":1,}"#, r#"["a""#, "{\"unknown\":\"\t\"}"]
            {
                assert_refused(&format!("{path} {body}"), &send(&tenant, method, path, body).await, NOT_JSON);
            }
            let headers = [("content-type", "application/json")];
            let bytes = b"{\"unknown\":1,\"a\":\"\xff\"}".to_vec();
            let answer = tenant.api.request(method, path, &headers, bytes).await.unwrap();
            assert_refused(&format!("{path}: no UTF-8"), &answer, NOT_JSON);
            let answer = send(&tenant, method, path, r#"{"unknown":1}"#).await;
            assert_refused(&format!("{path}: JSON"), &answer, invalid("#/unknown", "unknown-field"));
        }
    });
}
