//! Checks at the end of the demo: expected values come from the enqueued jobs, actual values from the witnesses.

use serde_json::{Value, json};

use super::adoption::{Adoption, Bulk, LINES};
use super::afterlife::Afterlife;
use super::cases::{self, CASES, Case};
use super::enqueue::{Enqueued, SECRET};
use super::library::{EDITED, FILES, Library, count_of, sum};
use super::summary::valid;
use super::witnesses::Witnesses;

/// Number of replays: each adds one job and one request.
const REPLAYS: usize = 1;
const REDACTED: &str = "[redacted]";

/// One statement, and true if it holds.
pub(super) struct Check {
    holds: bool,
    says: String,
}

fn check(holds: bool, says: impl Into<String>) -> Check {
    Check { holds, says: says.into() }
}

/// Prints the checks. Returns true if all hold.
pub(super) fn print(checks: &[Check]) -> bool {
    println!();
    for check in checks {
        println!("{}   {}", if check.holds { "ok  " } else { "FAIL" }, check.says);
    }
    checks.iter().all(|check| check.holds)
}

/// Returns all checks of the main demo.
pub(super) fn all(enqueued: &Enqueued, afterlife: &Afterlife, witnesses: &Witnesses) -> Vec<Check> {
    let mut checks = vec![jobs(enqueued, witnesses)];
    checks.extend(CASES.iter().map(|case| fate(case, enqueued, witnesses)));
    checks.extend([
        requests(witnesses),
        each_request(witnesses),
        duplicate(enqueued, witnesses),
        signatures(witnesses),
        dead_letter(enqueued, afterlife),
        evidence(afterlife, witnesses),
        secrets(afterlife, witnesses),
        replay(enqueued, afterlife, witnesses),
        nothing_left(afterlife, witnesses),
    ]);
    checks
}

/// Returns the checks of the team's adoption.
pub(super) fn of_adoption(adoption: &Adoption) -> Vec<Check> {
    let counted = json!({"words": 6, "characters": 37});
    let Adoption { task, parked, completed, first, again, group, exported, occurrence, fired, library, receipt, left } =
        adoption;
    let summary =
        |accepted: usize, duplicates: usize| json!({"accepted": accepted, "duplicates": duplicates, "rejected": 0});
    let was = |bulk: &Bulk, wanted: &Value| {
        bulk.results == LINES && bulk.last["summary"] == *wanted && bulk.last["problem"].is_null()
    };
    vec![
        check(
            task["state"] == "succeeded" && task["result"] == counted,
            format!("the team's own Worker ran a task over a service binding: {}", task["result"]),
        ),
        check(
            parked["state"] == "running"
                && completed["state"] == "succeeded"
                && completed["result"] == json!({"pages": 12}),
            format!("a deferred task was completed with {}", completed["result"]),
        ),
        check(
            was(first, &summary(LINES, 0))
                && was(again, &summary(0, LINES))
                && group["total"] == LINES
                && *exported == LINES,
            format!(
                "{LINES} lines in, once: the repeat added nothing, the group counts {} and the export has {exported}",
                group["total"]
            ),
        ),
        check(
            occurrence["state"] == "fired"
                && fired["scheduled_for"] == occurrence["scheduled_for"]
                && fired["result"] == counted,
            format!(
                "the schedule made one job for the occurrence {}",
                occurrence["scheduled_for"].as_str().unwrap_or_default()
            ),
        ),
        indexed(library),
        check(
            receipt["state"] == "done" && receipt["counts"]["jobs"].as_u64() > Some(LINES as u64) && *left == [0, 0],
            format!("the tenant is erased: {} jobs, nothing left in D1 or R2", receipt["counts"]["jobs"]),
        ),
    ]
}

/// Checks that the second round cost only its edit, and that a search finds the edit.
fn indexed(library: &Library) -> Check {
    let Library { index, first, second, hits } = library;
    let (all, added) = (FILES.len(), sum(second, "/added"));
    let is_right = count_of(first, "added") == all
        && (count_of(second, "updated"), count_of(second, "unchanged")) == (1, all - 1)
        && (1..=2).contains(&added)
        && sum(second, "/usage/embedded") == added
        && index["documents"] == all;
    let found = hits.first().is_some_and(|hit| hit["document"] == EDITED && hit["heading"] == "The harbour");
    check(
        is_right && found,
        format!("{all} documents are indexed, one edited paragraph cost {added} chunks, and a search finds it"),
    )
}

fn jobs(enqueued: &Enqueued, witnesses: &Witnesses) -> Check {
    let expected = cases::jobs() + REPLAYS;
    let (listed, rows) = (witnesses.listed.len(), witnesses.ledger.len());
    let accepted = enqueued.jobs.len() + REPLAYS;
    check(
        [accepted, listed, rows] == [expected; 3],
        format!("{expected} jobs with the replay: {accepted} accepted, {listed} listed by the API, {rows} rows in D1"),
    )
}

/// Checks that the jobs of one endpoint ended as expected, attempt by attempt, in D1 and in the API.
fn fate(case: &Case, enqueued: &Enqueued, witnesses: &Witnesses) -> Check {
    let jobs: Vec<_> = enqueued.jobs.iter().filter(|job| job.case == case).collect();
    let in_ledger =
        |id: &str| witnesses.row(id).is_some_and(|row| row.state == case.ends && row.attempts == case.attempts);
    let listed = |id: &str| {
        let mut listed = witnesses.listed.iter().filter(|listed| listed.id == id);
        listed.any(|listed| listed.state == case.ends && listed.attempt == case.attempts.len())
    };
    let right = jobs.iter().filter(|job| in_ledger(&job.id) && listed(&job.id)).count();
    check(
        right == case.jobs && jobs.len() == case.jobs,
        format!(
            "{}: {right} of {} jobs {}, attempts: {}",
            case.endpoint,
            case.jobs,
            case.ends,
            case.attempts.join(", ")
        ),
    )
}

fn requests(witnesses: &Witnesses) -> Check {
    let expected = cases::requests() + REPLAYS;
    let api: usize = witnesses.listed_tally().values().sum();
    let ledger: usize = witnesses.ledger_tally().values().sum();
    let received = witnesses.received.len();
    check(
        [api, ledger, received] == [expected; 3],
        format!("{expected} attempts: {api} in the API, {ledger} in D1, {received} requests at the receiver"),
    )
}

fn each_request(witnesses: &Witnesses) -> Check {
    let received = witnesses.received_tally();
    check(
        received == witnesses.ledger_tally() && received == witnesses.listed_tally(),
        format!("the three agree on each of {} webhook-ids", received.len()),
    )
}

fn duplicate(enqueued: &Enqueued, witnesses: &Witnesses) -> Check {
    let duplicate = &enqueued.duplicate;
    let requests = witnesses.received_tally().get(&duplicate.first_id).copied().unwrap_or(0);
    check(
        duplicate.has_header && duplicate.first_id == duplicate.second_id && requests == 1,
        format!(
            "the key {} sent twice: the same job id, Idempotency-Replayed: {}, {requests} request",
            duplicate.key, duplicate.has_header
        ),
    )
}

fn signatures(witnesses: &Witnesses) -> Check {
    let (verified, received) = (valid(witnesses), witnesses.received.len());
    check(
        verified == received && received == cases::requests() + REPLAYS,
        format!("{verified} of {received} signatures verified"),
    )
}

fn dead_letter(enqueued: &Enqueued, afterlife: &Afterlife) -> Check {
    let id = enqueued.only_job_of(&cases::DOWN);
    let open: Vec<_> = afterlife.open_before.iter().map(|letter| &letter["id"]).collect();
    let letter = &afterlife.letter;
    check(
        open == [id] && letter["state"] == "open" && letter["reason"] == "attempts_exhausted",
        format!("{} open dead letter, for {}", open.len(), letter["reason"]),
    )
}

/// Checks that the evidence equals what the receiver saw in the last request of the dead job.
fn evidence(afterlife: &Afterlife, witnesses: &Witnesses) -> Check {
    let attempts = cases::DOWN.attempts.len();
    let mut down = witnesses.received.iter().filter(|received| received.path == cases::DOWN.path);
    let last = down.nth(attempts - 1);
    let (request, response) = (&afterlife.evidence["request"], &afterlife.evidence["response"]);
    let same = last.is_some_and(|last| {
        request["method"] == *last.method
            && request["body"].as_str().map(str::as_bytes) == Some(&last.body[..])
            && header(request, "webhook-id") == last.header("webhook-id")
            && header(request, "webhook-timestamp") == last.header("webhook-timestamp")
    });
    check(
        same && response["status"] == 500,
        format!("the evidence of attempt {attempts} is what the receiver saw, answered {}", response["status"]),
    )
}

fn secrets(afterlife: &Afterlife, witnesses: &Witnesses) -> Check {
    let request = &afterlife.evidence["request"];
    let hidden = ["authorization", "webhook-signature"].map(|name| header(request, name) == Some(REDACTED));
    let arrived = |received: &longshore_kit::receiver::Received| received.header("authorization") == Some(SECRET);
    let arrivals = witnesses.received.iter().filter(|received| arrived(received)).count();
    let sends = cases::DOWN.attempts.len() + REPLAYS;
    check(
        hidden == [true; 2] && arrivals == sends && witnesses.leaks == [0, 0],
        format!(
            "a secret header reached the receiver {arrivals} times, in clear in {} of {} rows and {} of {} evidence objects",
            witnesses.leaks[0],
            witnesses.ledger.len(),
            witnesses.leaks[1],
            witnesses.objects
        ),
    )
}

fn header<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    let headers = message["headers"].as_array()?;
    headers.iter().find(|header| header[0] == name)?[1].as_str()
}

fn replay(enqueued: &Enqueued, afterlife: &Afterlife, witnesses: &Witnesses) -> Check {
    let dead = enqueued.only_job_of(&cases::DOWN);
    let (successor, letter) = (&afterlife.successor, &afterlife.letter_after);
    let new = successor["id"] != dead && successor["replay_of"] == dead && letter["replayed_by"] == successor["id"];
    let succeeded = successor["state"] == "succeeded" && successor["attempts"] == 1;
    let last = witnesses.received.last().map(longshore_kit::receiver::Received::webhook_id);
    let rows = witnesses.ledger.iter().filter(|row| row.is_replay).count();
    check(
        new && succeeded && letter["state"] == "replayed" && last == Some(dead) && rows == REPLAYS,
        format!(
            "the replay is a new job with the dead one's webhook-id and {}",
            successor["state"].as_str().unwrap_or_default()
        ),
    )
}

fn nothing_left(afterlife: &Afterlife, witnesses: &Witnesses) -> Check {
    let unfinished = |state: &str| !["succeeded", "dead", "cancelled"].contains(&state);
    let jobs = witnesses.ledger.iter().filter(|row| unfinished(&row.state)).count();
    let (letters, malformed) = (afterlife.open_after.len(), witnesses.malformed_messages);
    check(
        [jobs, letters, malformed] == [0; 3],
        format!("left over: {jobs} unfinished jobs, {letters} open dead letters, {malformed} malformed messages"),
    )
}
