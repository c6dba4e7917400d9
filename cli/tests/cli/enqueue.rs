//! `longshore enqueue`: its summary, its refused lines, and how an interrupted import is resumed.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::{Api, Received, Reply, Site, run};

/// Answers a chunk as the API does: a line without a kind is refused, and a line with a known key is a duplicate.
fn accept(request: &Received, stored: &mut BTreeSet<String>) -> Reply {
    let key = request.headers["idempotency-key"].trim_matches('"').to_owned();
    let (mut answer, mut counts) = (Vec::new(), [0, 0, 0]);
    for (index, line) in request.body.lines().enumerate() {
        let is_refused = serde_json::from_str::<Value>(line).map_or(true, |line| line["kind"].is_null());
        let duplicate = !is_refused && !stored.insert(format!("{key}:{index}"));
        counts[if is_refused { 2 } else { usize::from(duplicate) }] += 1;
        let detail = format!("Line {}: `kind` is required", index + 1);
        let problem = json!({"type": "t", "title": "T", "status": 422, "detail": detail, "errors": []});
        let result = json!({
            "index": index, "line": index + 1, "status": if is_refused { 422 } else { 202 }, "duplicate": duplicate,
            "id": (!is_refused).then_some(format!("job_{key}:{index}")), "problem": is_refused.then_some(problem),
        });
        answer.push(result.to_string());
    }
    let [accepted, duplicates, rejected] = counts;
    let none = json!({"accepted": 0, "duplicates": 0, "rejected": 0});
    let tally = json!({"accepted": accepted, "duplicates": duplicates, "rejected": rejected});
    answer.push(json!({"summary": tally, "unreported": none, "problem": null}).to_string());
    Reply::new(200, answer.join("\n"))
}

fn accepting() -> Api {
    let stored = Mutex::new(BTreeSet::new());
    Api::start(move |request, _| accept(request, &mut stored.lock().unwrap()))
}

const JOB: &str = "{\"kind\":\"a.b\",\"payload\":1}\n";

#[test]
fn lines_are_counted_and_a_refused_one_is_named_by_its_number_in_the_file() {
    let (site, api) = (Site::new(), accepting());
    let file = site.file("jobs", &format!("{JOB}\n{{}}\n{JOB}"));
    let ran = run(&api, &["enqueue", &file, "--idempotency-key", "k"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "2 accepted, 0 duplicates, 1 refused\n"), "{ran:?}");
    assert_eq!(ran.err, "Idempotency key: k\nline 3: 422 `kind` is required\n");
    let again = run(&api, &["enqueue", &file, "--idempotency-key", "k", "-o", "json"]);
    let expected = r#"{"accepted":0,"duplicates":2,"rejected":1,"idempotency_key":"k"}"#;
    assert_eq!((again.code, again.out.trim()), (1, expected));
    let lines = run(&api, &["enqueue", &file, "--idempotency-key", "k", "-o", "ndjson"]);
    let results: Vec<Value> = lines.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results[0], json!({"line": 1, "status": 202, "id": "job_k-0:0", "duplicate": true}));
    assert_eq!((&results[1]["line"], &results[2]["line"], results.len()), (&json!(3), &json!(4), 4));
}

#[test]
fn standard_input_has_a_random_key_that_is_printed() {
    let (site, api) = (Site::new(), accepting());
    let mut command = site.command();
    let command = command.env("LONGSHORE_URL", &api.url).env("LONGSHORE_KEY", crate::support::key()).arg("enqueue");
    let ran = crate::support::ran(command.write_stdin(JOB));
    assert_eq!((ran.code, ran.out.as_str()), (0, "1 accepted, 0 duplicates, 0 refused\n"), "{ran:?}");
    let key = ran.err.trim().strip_prefix("Idempotency key: ").unwrap().to_owned();
    assert_eq!(api.received()[0].headers["idempotency-key"], format!("\"{key}-0\""));
}

/// The second chunk is refused until midnight; the second run finds the first chunk stored.
#[test]
fn an_interrupted_import_is_resumed_by_its_key() {
    let stored = Mutex::new(BTreeSet::new());
    let api = Api::start(move |request, number| match number {
        1 => Reply::problem(429, "quota-reached", "The quota is used up", &json!([])).header("Retry-After", "3600"),
        _ => accept(request, &mut stored.lock().unwrap()),
    });
    let site = Site::new();
    let file = site.file("jobs", &JOB.repeat(1_003));
    let stopped = run(&api, &["enqueue", &file, "--idempotency-key", "import"]);
    assert_eq!((stopped.code, stopped.out.as_str()), (1, ""), "{stopped:?}");
    assert!(stopped.err.contains("Stopped after 1000 accepted"), "{}", stopped.err);
    assert!(stopped.err.contains("with the same lines and --idempotency-key import"), "{}", stopped.err);
    let resumed = run(&api, &["enqueue", &file, "--idempotency-key", "import"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "3 accepted, 1000 duplicates, 0 refused\n"), "{resumed:?}");
    let keys: Vec<_> = api.received().iter().map(|request| request.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys, ["\"import-0\"", "\"import-1\"", "\"import-0\"", "\"import-1\""]);
}

#[test]
fn a_chunk_is_sent_again_after_an_answer_without_its_summary() {
    let stored = Mutex::new(BTreeSet::new());
    let api = Api::start(move |request, number| {
        let whole = accept(request, &mut stored.lock().unwrap());
        if number == 0 { Reply::new(200, "{\"index\":0,\"line\":1,\"status\":202,") } else { whole }
    });
    let site = Site::new();
    let file = site.file("jobs", JOB);
    let ran = run(&api, &["enqueue", &file, "--idempotency-key", "k"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "0 accepted, 1 duplicates, 0 refused\n"), "{ran:?}");
    assert!(ran.err.contains("interrupted before its summary") && ran.err.contains("trying again"), "{}", ran.err);
    let [first, second] = api.received().try_into().unwrap();
    assert_eq!(first, second);
}

#[test]
fn a_file_that_is_missing_is_wrong_usage() {
    let api = accepting();
    let ran = run(&api, &["enqueue", "/nowhere/jobs"]);
    assert!(ran.code == 2 && ran.err.contains("/nowhere/jobs: "), "{ran:?}");
    assert!(api.received().is_empty());
}
