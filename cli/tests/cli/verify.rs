//! `longshore verify`: each fault, and what is none.

use longshore::wire::idempotency::sha256;
use serde_json::{Value, json};

use crate::support::{AT, Api, Ran, Reply, failed_job, job, page, run};

/// History of a dead job of two attempts that was replayed, as the API answers it.
#[derive(Clone)]
struct History {
    job: Value,
    successor: Value,
    attempts: Vec<Value>,
    records: Vec<Value>,
    /// Status of the answer with the evidence of the first attempt.
    evidence_status: u16,
    has_letter: bool,
}

fn record(attempt: usize) -> Value {
    json!({
        "v": 1, "tenant": "acme", "job_id": "job_1", "attempt": attempt,
        "request": {"method": "POST", "url": "https://a.example/", "headers": [], "body_bytes": 2, "body": "{}",
            "body_base64": null, "body_truncated": false, "body_sha256": sha256(b"{}")},
        "response": {"status": 500, "headers": [], "body_bytes": 4, "body": "oops", "body_base64": null,
            "body_truncated": false, "body_sha256": sha256(b"oops")},
    })
}

/// Digest of a record as it is in a pack: with its line break.
fn digest(record: &Value) -> String {
    sha256(format!("{record}\n").as_bytes())
}

impl History {
    fn new() -> History {
        let mut job = failed_job("job_1", "dead", "answered 500");
        (job["attempts"], job["finished_at"]) = (json!(2), json!("2026-11-02T08:00:09.000Z"));
        (job["dead_letter_state"], job["replayed_by"]) = (json!("replayed"), json!("job_2"));
        let records = vec![record(1), record(2)];
        let attempt = |(number, record): (usize, &Value)| {
            json!({
                "job_id": "job_1", "attempt": number, "state": "failed", "ended_by": null, "started_at": AT,
                "duration_ms": 40, "evidence": {"state": "stored", "sha256": digest(record)},
            })
        };
        let attempts = (1..).zip(&records).map(attempt).collect();
        let mut successor = self::job("job_2", "running");
        successor["replay_of"] = json!("job_1");
        History { job, successor, attempts, records, evidence_status: 200, has_letter: true }
    }

    /// Changes a record and the digest that its attempt names.
    fn rewrite(&mut self, change: impl Fn(&mut Value)) {
        change(&mut self.records[0]);
        self.attempts[0]["evidence"]["sha256"] = json!(digest(&self.records[0]));
    }

    fn serve(self) -> Api {
        let letter = json!({"id": "job_1", "kind": "webhook", "state": "open", "tenant": "acme", "attempts": 2});
        Api::start(move |request, _| match request.target.as_str() {
            "/v1/jobs/job_1" => Reply::json(&self.job),
            "/v1/jobs/job_2" if !self.successor.is_null() => Reply::json(&self.successor),
            "/v1/jobs/job_1/attempts" => page(&self.attempts, None),
            "/v1/dead-letters/job_1" if self.has_letter => Reply::json(&letter),
            "/v1/jobs/job_1/attempts/1/evidence" if self.evidence_status != 200 => {
                Reply::problem(self.evidence_status, "internal", "no", &json!([]))
            }
            "/v1/jobs/job_1/attempts/1/evidence" => Reply::json(&self.records[0]),
            "/v1/jobs/job_1/attempts/2/evidence" => Reply::json(&self.records[1]),
            "/v1/jobs?limit=100" => page(&[self.successor.clone(), self.job.clone()], None),
            _ => Reply::problem(404, "not-found", "not found", &json!([])),
        })
    }

    fn verify(self) -> Ran {
        run(&self.serve(), &["verify", "job_1", "--evidence-days", "36500"])
    }
}

#[test]
fn a_whole_history_has_no_faults() {
    let ran = History::new().verify();
    assert_eq!((ran.code, ran.out.as_str()), (0, "1 jobs, 2 attempts, 2 with evidence, 0 faults\n"), "{ran:?}");
    let since = run(&History::new().serve(), &["verify", "--since", "2026-11-02T08:00:00Z", "-o", "json"]);
    let report: Value = serde_json::from_str(&since.out).unwrap();
    let summary = json!({"jobs": 1, "attempts": 2, "with_evidence": 2, "without_evidence": {}, "faults": 0});
    assert_eq!((since.code, &report["summary"], &report["faults"]), (0, &summary, &json!([])), "{since:?}");
    let later = run(&History::new().serve(), &["verify", "--since", "2026-11-02T08:00:10Z"]);
    assert_eq!((later.code, later.out.as_str()), (0, "0 jobs, 0 attempts, 0 with evidence, 0 faults\n"));
}

/// A change of the history, and the beginning of the line that names its fault.
type Case = (fn(&mut History), &'static str);

#[test]
fn each_fault_is_a_line_and_the_exit_code() {
    let cases: [Case; 14] = [
        (|it| drop(it.attempts.remove(0)), "job_1: attempts_gap: attempt 2 is in the position of attempt 1"),
        (|it| drop(it.attempts.pop()), "job_1: attempts_gap: the job counts 2 attempts, its history has 1"),
        (
            |it| it.attempts[1]["state"] = json!("succeeded"),
            "job_1: outcome_mismatch: the job is `dead`, but its last attempt, 2, succeeded",
        ),
        (|it| it.job["dead_letter_state"] = Value::Null, "job_1: dead_letter_mismatch: the job is dead and has no"),
        (|it| it.has_letter = false, "job_1: dead_letter_mismatch: the job is dead and its dead letter cannot be read"),
        (|it| it.job["replayed_by"] = Value::Null, "job_1: replay_mismatch: the dead letter is replayed and names no"),
        (|it| it.successor["replay_of"] = json!("job_9"), "job_1: replay_mismatch: its successor job_2 names another"),
        (|it| it.successor = Value::Null, "job_1: replay_mismatch: its successor job_2 does not exist"),
        (
            |it| it.attempts[0]["evidence"] = json!({"state": "none", "sha256": null}),
            "job_1, attempt 1: evidence_unrecorded: the attempt has ended and names no evidence",
        ),
        (|it| it.evidence_status = 404, "job_1, attempt 1: evidence_missing: its object was deleted"),
        (|it| it.evidence_status = 500, "job_1, attempt 1: evidence_damaged: the API cannot read the record"),
        (
            |it| it.records[0]["request"]["body"] = json!("{ }"),
            "job_1, attempt 1: evidence_damaged: the record differs from the digest",
        ),
        (
            |it| it.rewrite(|record| record["response"]["body"] = json!("fine")),
            "job_1, attempt 1: evidence_damaged: the body of the response differs from its digest",
        ),
        (
            |it| it.rewrite(|record| record["attempt"] = json!(7)),
            "job_1, attempt 1: evidence_foreign: the record is that of job_1, attempt 7",
        ),
    ];
    for (change, expected) in cases {
        let mut history = History::new();
        change(&mut history);
        let ran = history.verify();
        assert_eq!(ran.code, 1, "{expected}: {ran:?}");
        assert!(ran.out.lines().any(|line| line.starts_with(expected)), "{expected} is missing:\n{}", ran.out);
        assert!(ran.out.ends_with(" 1 faults\n"), "one fault is one line: {}", ran.out);
    }
}

#[test]
fn a_replay_that_its_dead_letter_does_not_name_is_a_fault() {
    let mut history = History::new();
    (history.job["replay_of"], history.successor["state"]) = (json!("job_2"), json!("dead"));
    history.successor["replayed_by"] = json!("job_3");
    let ran = history.verify();
    assert!(ran.code == 1 && ran.out.contains("replay_mismatch: its dead letter job_2 names another"), "{ran:?}");
}

/// A reason for missing evidence, as a change of the history.
type Reason = (fn(&mut History), &'static str);

#[test]
fn a_stated_reason_is_no_fault() {
    let none = || json!({"state": "none", "sha256": null});
    let cases: [Reason; 4] = [
        (|it| it.attempts[0]["evidence"]["state"] = json!("off"), "1 off"),
        (
            |it| {
                it.attempts[0]["state"] = json!("outcome_unknown");
                it.attempts[0]["evidence"]["state"] = json!("none");
            },
            "1 outcome_unknown",
        ),
        (
            |it| {
                it.attempts[0]["ended_by"] = json!("completion");
                it.attempts[0]["evidence"]["state"] = json!("none");
            },
            "1 completed_first",
        ),
        (
            |it| {
                it.records[0] = json!({"inline": true, "reason": "timeout", "record": "{\"v\":1"});
                it.attempts[0]["evidence"]["state"] = json!("inline");
            },
            "1 truncated",
        ),
    ];
    for (change, reason) in cases {
        let mut history = History::new();
        change(&mut history);
        let ran = history.verify();
        let expected =
            format!("Attempts without whole evidence: {reason}.\n1 jobs, 2 attempts, 1 with evidence, 0 faults\n");
        assert_eq!((ran.code, ran.out), (0, expected));
    }
    // Evidence that is older than R2 keeps it has expired.
    let mut old = History::new();
    old.evidence_status = 404;
    let ran = run(&old.serve(), &["verify", "job_1", "--evidence-days", "1"]);
    assert!(ran.code == 0 && ran.out.starts_with("Attempts without whole evidence: 1 expired."), "{ran:?}");
    let mut running = History::new();
    (running.job, running.attempts[1]["evidence"]) = (job("job_1", "running"), none());
    running.attempts[1]["state"] = json!("running");
    let ran = running.verify();
    assert!(ran.code == 0 && ran.out.starts_with("Attempts without whole evidence: 1 running."), "{ran:?}");
}

#[test]
fn a_whole_record_in_the_log_is_compared_too() {
    for (text, code) in [("{\"v\":1}\n", 0), ("{\"v\":2}\n", 1)] {
        let mut history = History::new();
        history.records[0] = json!({"inline": true, "reason": "timeout", "record": text});
        history.attempts[0]["evidence"] = json!({"state": "inline", "sha256": sha256(b"{\"v\":1}\n")});
        let ran = history.verify();
        assert_eq!(ran.code, code, "{ran:?}");
    }
}

#[test]
fn faults_are_lines_of_json_with_a_summary_at_the_end() {
    let mut history = History::new();
    history.evidence_status = 404;
    let api = history.serve();
    let arguments = ["verify", "job_1", "--evidence-days", "36500", "-o", "ndjson"];
    let ran = run(&api, &arguments);
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fault = json!({"job": "job_1", "attempt": 1, "fault": "evidence_missing", "text": "its object was deleted"});
    assert_eq!((ran.code, &lines[0], &lines[1]["summary"]["faults"]), (1, &fault, &json!(1)), "{ran:?}");
    let unknown = run(&api, &["verify", "job_9"]);
    assert!(unknown.code == 1 && unknown.err.contains("404"), "{unknown:?}");
    for wrong in [vec!["verify"], vec!["verify", "job_1", "--since", AT], vec!["verify", "--since", "soon"]] {
        assert_eq!(run(&api, &wrong).code, 2, "{wrong:?}");
    }
}
