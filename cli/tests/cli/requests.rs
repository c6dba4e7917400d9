//! Request of each command: its method, path, key and body.

use serde_json::{Value, json};

use crate::support::{AT, Api, Reply, Site, action, job, page, preview, ran, run};

/// Creates any answer that the commands read: the fields of all of them.
fn anything() -> Value {
    let mut all = job("job_2", "queued");
    let more = json!({
        "name": "notes", "url": "https://a.example/", "service": null, "paused_reason": null, "timeout_seconds": 30,
        "connections": 2, "schedule": "fast", "updated_at": AT, "evidence": "full", "keep_payload": false, "paused": false,
        "secret": "whsec_AAAA", "previous_secret": null, "cron": "0 3 * * *", "time_zone": "UTC", "next": [AT], "last": null,
        "overlap": "skip", "catch_up": "one", "payload": {"body": 1}, "key": "ls_token", "scopes": ["jobs:read"],
        "serving": null, "building": null, "mode": "hybrid", "degraded": null, "hits": [],
    });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

/// Commands with the method, the target and the body of their last request.
const CASES: [(&[&str], &str, &str, &str); 30] = [
    (
        &["jobs", "list", "--state", "dead", "--kind", "a.b", "--limit", "5"],
        "GET",
        "/v1/jobs?state=dead&kind=a.b&limit=5",
        "",
    ),
    (&["jobs", "list", "--idempotency-key", "k:0"], "GET", "/v1/jobs?idempotency_key=k%3A0&limit=50", ""),
    (&["jobs", "show", "a/b"], "GET", "/v1/jobs/a%2Fb", ""),
    (&["jobs", "cancel", "job_1"], "POST", "/v1/jobs/job_1/cancel", ""),
    (&["jobs", "retry", "job_1"], "POST", "/v1/jobs/job_1/retry", ""),
    (&["jobs", "resend", "job_1"], "POST", "/v1/jobs/job_1/resend", ""),
    (
        &["dead", "replay", "job_1", "--payload", r#"{"n":1.0}"#],
        "POST",
        "/v1/dead-letters/job_1/replay",
        r#"{"payload":{"n":1.0}}"#,
    ),
    (
        &[
            "replay",
            "--cause",
            "c",
            "--metadata",
            "a.b=1",
            "--canary",
            "1",
            "--canary-seconds",
            "9",
            "--rate",
            "50",
            "--detach",
        ],
        "POST",
        "/v1/actions",
        r#"{"canary":1,"canary_seconds":9,"do":"replay","filter":{"cause":"c","metadata.a.b":"1"},"include_retrying":true,"rate_per_second":50}"#,
    ),
    (
        &["replay", "--dead-only", "--dry-run"],
        "POST",
        "/v1/actions",
        r#"{"do":"replay","dry_run":true,"filter":{},"include_retrying":false}"#,
    ),
    (
        &["actions", "start", "cancel", "--state", "scheduled", "--detach"],
        "POST",
        "/v1/actions",
        r#"{"do":"cancel","filter":{"state":"scheduled"}}"#,
    ),
    (&["actions", "abort", "act_1"], "POST", "/v1/actions/act_1/abort", ""),
    (&["actions", "list", "--state", "paused"], "GET", "/v1/actions?state=paused&limit=50", ""),
    (&["endpoints", "show", "orders"], "GET", "/v1/endpoints/orders", ""),
    (&["endpoints", "put", "orders", "--url", "https://a/"], "PUT", "/v1/endpoints/orders", r#"{"url":"https://a/"}"#),
    (&["endpoints", "pause", "orders"], "POST", "/v1/endpoints/orders/pause", ""),
    (&["endpoints", "resume", "orders"], "POST", "/v1/endpoints/orders/resume", ""),
    (&["endpoints", "delete", "orders"], "DELETE", "/v1/endpoints/orders", ""),
    (&["endpoints", "secret", "orders"], "GET", "/v1/endpoints/orders/secret", ""),
    (&["endpoints", "secret"], "GET", "/v1/secret", ""),
    (&["endpoints", "rotate", "orders"], "POST", "/v1/endpoints/orders/secret/rotate", ""),
    (&["schedules", "show", "daily"], "GET", "/v1/schedules/daily", ""),
    (&["schedules", "run", "daily"], "POST", "/v1/schedules/daily/run", ""),
    (&["schedules", "delete", "daily"], "DELETE", "/v1/schedules/daily", ""),
    (
        &["keys", "create", "--for", "*", "--scope", "jobs:read"],
        "POST",
        "/v1/keys",
        r#"{"expires_at":null,"jobs_per_day":null,"name":"","scopes":["jobs:read"],"tenant":"*"}"#,
    ),
    (&["keys", "revoke", "0101"], "DELETE", "/v1/keys/0101", ""),
    (&["index", "show", "notes"], "GET", "/v1/indexes/notes", ""),
    (
        &["index", "put", "notes", "-d", r#"{"provider": "builtin"}"#],
        "PUT",
        "/v1/indexes/notes",
        r#"{"provider": "builtin"}"#,
    ),
    (&["index", "verify", "notes", "--repair"], "POST", "/v1/indexes/notes/verify", r#"{"repair":true}"#),
    (&["index", "delete", "notes"], "DELETE", "/v1/indexes/notes", ""),
    (
        &["search", "notes", "lease", "--filter", r#"{"lang":"en"}"#],
        "POST",
        "/v1/indexes/notes/search",
        r#"{"filter":{"lang":"en"},"limit":10,"mode":"hybrid","query":"lease"}"#,
    ),
];

#[test]
fn each_command_sends_its_request() {
    let api = Api::start(|request, _| match (request.method.as_str(), request.target.contains("limit=")) {
        ("DELETE", _) => Reply::new(204, ""),
        (_, true) if request.target.starts_with("/v1/actions") => page(&[action("paused", 0)], None),
        ("POST", _) if request.body.contains("dry_run") => Reply::json(&preview()),
        _ if request.target.starts_with("/v1/actions") => Reply::json(&action("aborted", 0)),
        (_, true) => page(&[anything()], None),
        _ => Reply::json(&anything()),
    });
    for (arguments, method, target, body) in CASES {
        let ran = run(&api, arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        let last = api.received().pop().unwrap();
        let has_length = last.headers.contains_key("content-length");
        assert_eq!(has_length, ["POST", "PUT"].contains(&method), "{arguments:?}: {:?}", last.headers);
        assert_eq!(
            (last.method.as_str(), last.target.as_str(), last.body.as_str()),
            (method, target, body),
            "{arguments:?}"
        );
    }
}

#[test]
fn each_list_shows_its_items() {
    let mut item = anything();
    item["state"] = json!("open");
    let (api, mut jobs_item) = (Api::of(page(&[item.clone()], None)), item);
    for family in ["dead", "endpoints", "schedules", "keys", "index"] {
        let ran = run(&api, &[family, "list"]);
        assert_eq!((ran.code, ran.out.lines().count()), (0, 2), "{family}: {ran:?}");
    }
    jobs_item["state"] = json!("held");
    let ran = run(&Api::of(page(&[jobs_item], None)), &["jobs", "list"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2), "{ran:?}");
}

#[test]
fn several_jobs_are_changed_although_one_is_refused() {
    let api = Api::start(|request, _| match request.target.as_str() {
        "/v1/jobs/b/cancel" => Reply::problem(409, "illegal-transition", "it has ended", &json!([])),
        _ => Reply::json(&job("job_2", "cancelled")),
    });
    let ran = run(&api, &["jobs", "cancel", "a", "b", "c", "-o", "ndjson"]);
    assert_eq!((ran.code, ran.out.lines().count()), (1, 2), "{ran:?}");
    assert!(ran.err.starts_with("longshore: b: 409 A title: it has ended"), "{}", ran.err);
    assert_eq!(api.received().len(), 3);
}

#[test]
fn a_schedule_is_paused_by_a_put_of_what_was_read() {
    let api = Api::start(|_, _| Reply::json(&anything()));
    let ran = run(&api, &["schedules", "pause", "daily"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let [read, put] = api.received().try_into().unwrap();
    assert_eq!((read.method.as_str(), put.method.as_str(), put.target.as_str()), ("GET", "PUT", "/v1/schedules/daily"));
    let body: Value = serde_json::from_str(&put.body).unwrap();
    assert_eq!(
        (&body["paused"], &body["cron"], &body["payload"]),
        (&json!(true), &json!("0 3 * * *"), &json!({"body": 1}))
    );
    let resumed = run(&api, &["schedules", "resume", "daily"]);
    assert_eq!((resumed.code, api.received().len()), (0, 3), "a schedule that runs is not put");
}

#[test]
fn documents_are_sent_as_lines_and_a_refused_one_is_shown() {
    let summary = json!({
        "summary": {"accepted": 1, "duplicates": 0, "rejected": 1}, "problem": null, "group": "g", "removal": null,
        "unreported": {"accepted": 0, "duplicates": 0, "rejected": 0},
    });
    let problem = json!({"type": "t", "title": "T", "status": 422, "detail": "Line 2: no text", "errors": []});
    let refused = json!({"index": 1, "line": 2, "status": 422, "id": null, "duplicate": false, "problem": problem});
    let api = Api::of(Reply::new(200, format!("{refused}\n{summary}\n")));
    let site = Site::new();
    let lines = site.file("documents", "{\"id\":\"a\"}\n{}\n");
    let ran = run(&api, &["index", "documents", "notes", &lines, "--group", "g", "--idempotency-key", "k"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "1 accepted, 0 duplicates, 1 refused; group g\n"), "{ran:?}");
    assert_eq!(ran.err, "Line 2: no text\n");
    let [request] = api.received().try_into().unwrap();
    assert_eq!(
        (request.target.as_str(), request.body.as_str()),
        ("/v1/indexes/notes/documents?group=g", "{\"id\":\"a\"}\n{}\n")
    );
    assert_eq!(request.headers["content-type"], "application/x-ndjson");
}

#[test]
fn a_signature_is_made_and_verified_without_a_secret_in_the_arguments() {
    let site = Site::new();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = site.file("body", r#"{"test": 2432232314}"#);
    let sign = |arguments: &[&str]| {
        let mut command = site.command();
        ran(command.args(["sign", &body, "--id", "msg_1"]).args(arguments).env("LONGSHORE_SECRET", secret))
    };
    let signed = sign(&["-o", "json"]);
    let headers: Value = serde_json::from_str(&signed.out).unwrap();
    let header = |name: &str| headers[name].as_str().unwrap().to_owned();
    let verify = |id: &str, file: &str| {
        let mut command = site.command();
        let (timestamp, signature) = (header("webhook-timestamp"), header("webhook-signature"));
        let options = ["--id", id, "--timestamp", &timestamp, "--signature", &signature];
        ran(command.args(["verify-signature", file]).args(options).env("LONGSHORE_SECRET", secret))
    };
    assert_eq!(verify("msg_1", &body).code, 0);
    assert_eq!(verify("msg_2", &body).code, 1);
    assert_eq!(verify("msg_1", &site.file("other", "{}")).code, 1);
    let lines = sign(&["--timestamp", "1614265330"]).out;
    assert!(lines.starts_with("webhook-id: msg_1\nwebhook-timestamp: 1614265330\nwebhook-signature: v1,"), "{lines}");
    let unset = ran(site.command().args(["sign", &body, "--id", "msg_1"]));
    assert!(unset.code == 2 && unset.err.contains("LONGSHORE_SECRET is not set"), "{unset:?}");
    let from_file = site.file("secret", &format!("{secret}\n"));
    let of_file =
        ran(site.command().args(["sign", &body, "--id", "a", "--timestamp", "1", "--secret-file", &from_file]));
    assert_eq!(of_file.code, 0, "{of_file:?}");
}

#[test]
fn causes_are_listed_with_their_jobs_and_changed() {
    let cause = json!({
        "id": "cause_a", "tenant": "acme", "state": "open", "ignored_until": null, "came_back_at": AT, "kind": "webhook",
        "endpoint": "orders", "host": null, "class": "http_5xx", "fault": "destination", "status": 503,
        "text": "database is down\u{1b}", "first_seen_at": AT, "last_seen_at": AT,
        "retrying": {"count": 1_000, "at_least": true}, "held": {"count": 2, "at_least": false},
        "dead": {"count": 12, "at_least": false}, "next_dies_at": null, "endpoint_succeeded_at": null, "sample_job": "job_1",
    });
    let api = Api::of(page(std::slice::from_ref(&cause), None));
    let listed = run(&api, &["causes", "list", "--endpoint", "orders", "--since", AT]);
    assert_eq!(listed.code, 0, "{listed:?}");
    let line = listed.out.lines().nth(1).unwrap();
    let cells = ["cause_a", "orders", "503 database is down\\u{1b}", "over 1002", "12", "-"];
    let found: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).take(6).collect();
    assert_eq!(found, cells, "{line}");
    let [request] = api.received().try_into().unwrap();
    assert!(request.target.starts_with("/v1/causes?endpoint=orders&since=2026-11-02"), "{}", request.target);
    for (arguments, path, body) in [
        (&["causes", "resolve", "cause_a"][..], "/v1/causes/cause_a/resolve", ""),
        (&["causes", "ignore", "cause_a", "--for", "60"], "/v1/causes/cause_a/ignore", r#"{"seconds":60}"#),
        (&["causes", "reopen", "cause_a"], "/v1/causes/cause_a/reopen", ""),
    ] {
        let api = Api::of(Reply::json(&cause));
        let changed = run(&api, arguments);
        assert!(changed.code == 0 && changed.out.contains("came back"), "{changed:?}");
        let [request] = api.received().try_into().unwrap();
        let sent = (request.method.as_str(), request.target.as_str(), request.body.as_str());
        assert_eq!(sent, ("POST", path, body), "{arguments:?}");
    }
}

#[test]
fn the_audit_log_is_listed_and_filtered() {
    let entry = json!({
        "id": "aud_01", "tenant": "acme", "at": AT, "key": "0f3a9c1be2d47586", "operation": "PauseEndpoint",
        "target": {"kind": "endpoint", "id": "orders"}, "address": null, "request_id": "01",
        "before": {"state": "active"}, "after": {"state": "paused\u{1b}"},
    });
    let filters = ["--by", "root", "--operation", "PauseEndpoint", "--target", "orders", "--after", AT, "--before", AT];
    let api = Api::of(page(std::slice::from_ref(&entry), None));
    let listed = run(&api, &[&["audit"], &filters[..]].concat());
    assert_eq!(listed.code, 0, "{listed:?}");
    let line = listed.out.lines().nth(1).unwrap();
    for cell in ["0f3a9c1be2d47586", "PauseEndpoint", "endpoint orders", r#"{"state":"active"}"#] {
        assert!(line.contains(cell), "{line}");
    }
    assert!(!line.contains('\u{1b}'), "{line}");
    let [request] = api.received().try_into().unwrap();
    let expected = "/v1/audit?key=root&operation=PauseEndpoint&target=orders&after=2026-11-02";
    assert!(request.method == "GET" && request.target.starts_with(expected), "{}", request.target);
    assert!(request.target.contains("&before=2026-11-02"), "{}", request.target);
    for format in ["json", "ndjson"] {
        let api = Api::of(page(std::slice::from_ref(&entry), None));
        let printed = run(&api, &["audit", "--output", format]);
        let printed: Value = serde_json::from_str(printed.out.trim()).unwrap();
        assert_eq!(if format == "json" { &printed["data"][0] } else { &printed }, &entry, "{format}");
    }
    let wrong = run(&api, &["audit", "--operation", "CancelJobs"]);
    assert!(wrong.code == 2 && wrong.err.contains("CancelJob,"), "{wrong:?}");
}

#[test]
fn dead_letters_and_jobs_have_the_same_filters() {
    for (list, path) in [("dead", "/v1/dead-letters"), ("jobs", "/v1/jobs")] {
        let api = Api::of(page(&[], None));
        let filters =
            ["--cause", "cause_a", "--reason", "deadline", "--metadata", "customer.id=a=b", "--metadata", "vip=true"];
        assert_eq!(run(&api, &[&[list, "list"], &filters[..]].concat()).code, 0);
        let [request] = api.received().try_into().unwrap();
        let expected = "cause=cause_a&reason=deadline&metadata.customer.id=a%3Db&metadata.vip=true";
        assert!(request.target.starts_with(&format!("{path}?{expected}")), "{}", request.target);
        let wrong = run(&api, &[list, "list", "--metadata", "customer"]);
        assert!(wrong.code == 2 && wrong.err.contains("PATH=VALUE"), "{wrong:?}");
    }
}
