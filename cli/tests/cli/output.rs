//! Exit codes, errors, formats, foreign text and a closed output.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use crate::support::{Api, Reply, Site, WITHIN, failed_job, job, key, page, run, run_at};

#[test]
fn exit_codes_tell_refusals_from_wrong_usage_and_from_a_deployment_out_of_reach() {
    let found = run(&Api::of(Reply::json(&job("job_1", "queued"))), &["jobs", "show", "job_1"]);
    assert_eq!(found.code, 0, "{found:?}");
    let missing =
        run(&Api::of(Reply::problem(404, "not-found", "Job `x` not found", &json!([]))), &["jobs", "show", "x"]);
    assert_eq!((missing.code, missing.out.as_str()), (1, ""), "{missing:?}");
    let wrong = run_at("http://127.0.0.1:1", &["jobs", "list", "--state", "sleeping"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.err.contains("use one of scheduled, queued, running"), "{}", wrong.err);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unreachable = run_at(&format!("http://{nobody}"), &["jobs", "list"]);
    assert_eq!(unreachable.code, 3, "{unreachable:?}");
    let proxy = run(&Api::of(Reply::new(502, "<html>bad gateway")), &["jobs", "list"]);
    assert_eq!(proxy.code, 3, "{proxy:?}");
    assert!(proxy.err.contains("answered 502"), "{}", proxy.err);
    let insecure = run_at("http://longshore.example", &["jobs", "list"]);
    assert!(insecure.code == 2 && insecure.err.contains("must begin with https://"), "{insecure:?}");
    let site = Site::new();
    site.command().args(["jobs", "list"]).assert().code(2);
}

#[test]
fn a_problem_is_shown_with_its_field_and_the_fix() {
    let detail = "`max_attempts` must be an integer from 1 to 50, got 500";
    let errors = json!([{"pointer": "#/max_attempts", "code": "out-of-range", "detail": detail}]);
    let refused = run(
        &Api::of(Reply::problem(422, "invalid-request", detail, &errors).header("Retry-After", "7")),
        &["endpoints", "put", "orders", "-d", r#"{"max_attempts":500}"#],
    );
    let expected = "longshore: 422 A title: `max_attempts` must be an integer from 1 to 50, got 500\n  \
                    #/max_attempts (out-of-range)\n  Try again after 7 s.\n  \
                    Request 01K; see docs/errors.md#invalid-request.\n";
    assert_eq!((refused.code, refused.out.as_str(), refused.err.as_str()), (1, "", expected));
}

#[test]
fn the_key_is_sent_but_never_printed() {
    let api = Api::of(Reply::problem(401, "unauthenticated", "Unknown key", &json!([])));
    let refused = run(&api, &["jobs", "list", "--tenant", "acme"]);
    let [request] = api.received().try_into().unwrap();
    assert_eq!(request.headers["authorization"], format!("Bearer {}", key()));
    assert_eq!(request.headers["longshore-tenant"], "acme");
    assert!(refused.code == 1 && !refused.err.contains(&key()) && !refused.out.contains(&key()), "{refused:?}");
}

#[test]
fn control_characters_of_others_are_escaped() {
    let evil = "\u{1b}]0;title\u{7}\u{1b}[2Jgone\nlongshore: faked\u{202e}";
    let jobs = [failed_job("job_1", "dead", evil)];
    let api = Api::start(move |request, _| match request.target.as_str() {
        target if target.ends_with("/attempts") => page(&[], None),
        target if target.starts_with("/v1/jobs/") => Reply::json(&jobs[0]),
        _ => Reply::problem(409, "illegal-transition", evil, &json!([])),
    });
    for arguments in [&["jobs", "show", "job_1"][..], &["why", "job_1"], &["dead", "show", "x"]] {
        let ran = run(&api, arguments);
        let printed = format!("{}{}", ran.out, ran.err);
        assert!(!printed.contains('\u{1b}') && !printed.contains('\u{202e}'), "{arguments:?}: {printed}");
        assert!(!printed.lines().any(|line| line == "longshore: faked"), "{printed}");
        if arguments[0] != "why" {
            assert!(printed.contains("\\u{1b}[2Jgone\\nlongshore: faked\\u{202e}"), "{printed}");
        }
    }
}

#[test]
fn lists_have_three_formats_and_json_is_kept_token_for_token() {
    let item = |n: usize| {
        let mut text = job(&format!("job_{n}"), "queued").to_string();
        text.truncate(text.len() - 1);
        format!(r#"{text},"metadata":{{"n":1.00,"a":"\u0041"}}}}"#)
    };
    let items = [item(1), item(2), item(3)];
    let pages = [format!("[{},{}]", items[0], items[1]), format!("[{}]", items[2])];
    let api = Api::start(move |request, _| {
        let (page, cursor) =
            if request.target.contains("cursor=c%2F1") { (&pages[1], "null") } else { (&pages[0], "\"c/1\"") };
        Reply::new(200, format!(r#"{{"data":{page},"next_cursor":{cursor}}}"#))
    });
    let ndjson = run(&api, &["jobs", "list", "--all", "-o", "ndjson"]);
    assert_eq!(ndjson.out, items.map(|item| item + "\n").concat());
    let json = run(&api, &["jobs", "list", "--limit", "2", "--output", "json"]);
    assert_eq!(json.out, format!(r#"{{"data":[{},{}],"next_cursor":"c/1"}}{}"#, item(1), item(2), "\n"));
    let table = run(&api, &["jobs", "list", "--limit", "2"]);
    let lines: Vec<_> = table.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", table.out);
    assert!(lines[0].starts_with("ID     STATE ") && lines[1].starts_with("job_1  queued "), "{}", table.out);
    assert!(table.err.contains("There are more"), "{}", table.err);
    let one = run(&api, &["jobs", "list", "--all", "--limit", "3"]);
    assert_eq!(one.code, 2, "the two options exclude each other");
}

/// The stand-in answers only after the reader is gone, so that the command must meet a closed pipe.
#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    let (closed, is_closed) = channel();
    let is_closed = Mutex::new(is_closed);
    let api = Api::start(move |_, _| {
        is_closed.lock().unwrap().recv_timeout(WITHIN).unwrap();
        page(&[job("job_1", "queued")], None)
    });
    for format in ["table", "json", "ndjson"] {
        let site = Site::new();
        let mut child = Command::new(env!("CARGO_BIN_EXE_longshore"))
            .env_clear()
            .envs(site.variables())
            .env("LONGSHORE_URL", &api.url)
            .env("LONGSHORE_KEY", key())
            .args(["jobs", "list", "-o", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        closed.send(()).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn help_has_the_exit_codes_and_completions_are_scripts() {
    let site = Site::new();
    let help = crate::support::ran(site.command().arg("--help"));
    assert!(help.code == 0 && help.out.contains("3  the deployment is out of reach"), "{}", help.out);
    for (shell, begin) in [("bash", "_longshore() {"), ("zsh", "#compdef longshore"), ("fish", "complete -c longshore")]
    {
        let script = crate::support::ran(site.command().args(["completions", shell]));
        assert!(script.code == 0 && script.out.contains(begin), "{shell}: {}", script.out);
    }
}

#[test]
fn a_raw_request_prints_the_body_of_any_answer() {
    let api = Api::start(|request, _| match request.method.as_str() {
        "GET" => Reply::new(200, "{\"a\": 1}").header("Content-Type", "application/json"),
        "POST" => Reply::problem(409, "illegal-transition", "no", &json!([])),
        _ => Reply::new(200, ""),
    });
    let read = run(&api, &["api", "get", "/v1/x?a=b"]);
    assert_eq!((read.code, read.out.as_str()), (0, "{\"a\": 1}\n"));
    let refused = run(&api, &["api", "POST", "/v1/y", "-d", "{}", "-H", "Idempotency-Key: k"]);
    assert_eq!(refused.code, 1);
    assert_eq!(serde_json::from_str::<Value>(&refused.out).unwrap()["status"], 409);
    assert!(refused.err.contains("409 A title: no"), "{}", refused.err);
    let head = run(&api, &["api", "HEAD", "/v1/x"]);
    assert_eq!((head.code, head.out.as_str()), (0, ""));
    let received = api.received();
    assert_eq!((received[0].method.as_str(), received[0].target.as_str()), ("GET", "/v1/x?a=b"));
    assert_eq!((received[1].headers["idempotency-key"].as_str(), received[1].body.as_str()), ("k", "{}"));
    assert_eq!(received[1].headers["content-type"], "application/json");
}
