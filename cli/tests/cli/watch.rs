//! `longshore tail` and `longshore replay`: what they print while jobs change.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use serde_json::Value;

use crate::support::{Api, Reply, Site, WITHIN, action, failed_job, job, key, page, preview, ran, run};

#[test]
fn new_and_changed_jobs_are_printed_and_an_interruption_is_survived() {
    let api = Api::start(|_, number| match number {
        0 => page(&[job("job_1", "running")], None),
        1 => Reply::new(502, "<html>"),
        _ => page(&[job("job_2", "queued"), failed_job("job_1", "dead", "no\u{1b}[2J")], None),
    });
    let site = Site::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .env_clear()
        .envs(site.variables())
        .env("LONGSHORE_URL", &api.url)
        .env("LONGSHORE_KEY", key())
        .args(["tail", "--every", "1", "--state", "dead"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, next) = channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().try_for_each(|line| lines.send(line.unwrap())));
    let printed = [next.recv_timeout(WITHIN).unwrap(), next.recv_timeout(WITHIN).unwrap()];
    child.kill().unwrap();
    let err = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(printed[0].contains("job_1  dead ") && printed[0].contains("http_5xx: no\\u{1b}[2J"), "{printed:?}");
    assert!(printed[1].contains("job_2  queued "), "{printed:?}");
    assert!(err.contains("answered 502"), "{err}");
    assert_eq!(api.received()[0].target, "/v1/jobs?state=dead&limit=100");
}

#[test]
fn it_ends_after_its_time_and_jobs_are_lines_of_json() {
    let api = Api::start(|_, number| page(&[job(&format!("job_{number}"), "queued")], None));
    let site = Site::new();
    let mut command = site.command();
    let command = command.env("LONGSHORE_URL", &api.url).env("LONGSHORE_KEY", key());
    let ended = ran(command.args(["tail", "--every", "1", "--for", "3", "-o", "ndjson"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    // The jobs of the first read are not new; each later read has one new job.
    let ids: Vec<_> =
        ended.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    let expected: Vec<_> = (1..api.received().len()).map(|number| Value::from(format!("job_{number}"))).collect();
    assert_eq!(ids, expected);
}

#[test]
fn an_action_is_followed_until_its_jobs_have_ended() {
    let api = Api::start(|_, number| {
        Reply::json(&match number {
            0 => action("running", 0),
            1 => action("done", 120),
            _ => action("done", 300),
        })
    });
    let done = run(&api, &["replay", "--cause", "c", "--canary", "1"]);
    assert_eq!((done.code, done.err.as_str()), (0, "Action: act_1\n"), "{done:?}");
    assert!(done.out.contains("outcomes  300 succeeded, 0 failed again, 0 open"), "{}", done.out);
    let targets: Vec<_> = api.received().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/v1/actions", "/v1/actions/act_1?wait=2", "/v1/actions/act_1?wait=2"]);
    let mut paused = action("paused", 0);
    paused["paused_reason"] = Value::from("canary_failed");
    let stopped = run(&Api::of(Reply::json(&paused)), &["actions", "watch", "act_1"]);
    assert_eq!(stopped.code, 1, "{stopped:?}");
    assert!(
        stopped.out.contains("paused    a job of the canary failed; `actions resume` continues without it"),
        "{}",
        stopped.out
    );
}

#[test]
fn a_dry_run_says_what_would_be_selected() {
    let api = Api::of(Reply::json(&preview()));
    let shown = run(&api, &["replay", "--cause", "c", "--rate", "50", "--dry-run"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    for line in
        ["jobs       300", "endpoints  orders (200), none (100)", "causes     c (300)", "takes      6 s at this rate"]
    {
        assert!(shown.out.contains(line), "{line}: {}", shown.out);
    }
    assert_eq!(api.received().len(), 1);
}
