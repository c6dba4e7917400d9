//! `longshore tail`: what it prints while jobs change.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use serde_json::Value;

use crate::support::{Api, Reply, Site, WITHIN, failed_job, job, key, page, ran};

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
