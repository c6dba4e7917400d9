//! Prints what happened, as the witnesses report it. The checks decide if it is correct.

use std::collections::BTreeMap;

use serde_json::Value;

use super::adoption::{Adoption, LINES};
use super::afterlife::Afterlife;
use super::cases::{self, CASES};
use super::enqueue::Enqueued;
use super::library::{Library, QUERY, count_of, sum};
use super::witnesses::{Row, Witnesses};
use longshore_kit::receiver::Signature;

/// Prints the summary.
pub(super) fn print(enqueued: &Enqueued, afterlife: &Afterlife, witnesses: &Witnesses) {
    println!("\nBy endpoint (states and attempts from D1, requests from the receiver; with the replay)");
    endpoints(witnesses);
    println!("\nAttempts");
    attempts(witnesses);
    println!("\nSpeed on this machine");
    speed(enqueued, witnesses);
    println!("\nThe dead letter");
    letter(afterlife);
    println!("\nThe evidence of its last attempt, as the API shows it");
    exchange(&afterlife.evidence);
    println!("\nThe replay, after the receiver works again");
    replay(afterlife);
    let verified = valid(witnesses);
    println!(
        "\nSignatures verified by standardwebhooks: {verified} of {}, bad: {}",
        witnesses.received.len(),
        witnesses.received.len() - verified
    );
}

/// Prints the results of the team's adoption.
pub(super) fn print_adoption(adoption: &Adoption) {
    let Adoption { task, parked, completed, first, again, group, exported, occurrence, fired, library, receipt, left } =
        adoption;
    println!(
        "  a task over a service binding      {} {} -> {}",
        plain(&task["kind"]),
        plain(&task["state"]),
        task["result"]
    );
    println!(
        "  a deferred one                     due {}, completed -> {}",
        plain(&parked["completion_due_at"]),
        completed["result"]
    );
    println!("  {LINES} lines in                     {:.1} s, {}", first.took.as_secs_f64(), first.last["summary"]);
    println!("  the same lines again               {:.1} s, {}", again.took.as_secs_f64(), again.last["summary"]);
    println!("  their group                        total {}, open {}", group["total"], group["open"]);
    println!("  their export                       {exported} lines");
    println!(
        "  a schedule                         occurrence {} fired at {}: {} -> {}",
        plain(&occurrence["scheduled_for"]),
        plain(&occurrence["fired_at"]),
        plain(&fired["state"]),
        fired["result"]
    );
    print_library(library);
    println!("  the tenant erased                  {}, left: {} rows, {} objects", receipt["counts"], left[0], left[1]);
}

fn print_library(library: &Library) {
    let Library { index, first, second, hits } = library;
    let round = |results: &[Value]| {
        let states = ["added", "updated", "unchanged"].map(|state| count_of(results, state));
        let (chunks, embedded) = (sum(results, "/added"), sum(results, "/usage/embedded"));
        format!("{states:?} added, updated, unchanged; {chunks} chunks written, {embedded} embedded")
    };
    println!("  its documents indexed              {}", round(first));
    println!("  again, one paragraph edited        {}", round(second));
    println!(
        "  the index                          {} documents, {} chunks",
        index["documents"], index["serving"]["chunks"]
    );
    let found = hits.first().cloned().unwrap_or_default();
    println!("  {QUERY:?}            {} > {}", plain(&found["document"]), plain(&found["heading"]));
}

/// Returns the number of requests with a valid signature.
pub(super) fn valid(witnesses: &Witnesses) -> usize {
    let valid = |received: &&longshore_kit::receiver::Received| received.signature == Signature::Valid;
    witnesses.received.iter().filter(valid).count()
}

fn endpoints(witnesses: &Witnesses) {
    println!("  endpoint   jobs  succeeded  dead  attempts  requests  the receiver");
    for case in &CASES {
        let rows: Vec<_> = witnesses.ledger.iter().filter(|row| row.endpoint == case.endpoint).collect();
        let in_state = |state: &str| rows.iter().filter(|row| row.state == state).count();
        let attempts: usize = rows.iter().map(|row| row.attempts.len()).sum();
        let requests = witnesses.received.iter().filter(|received| received.path == case.path).count();
        println!(
            "  {:9} {:5} {:10} {:5} {attempts:9} {requests:9}  {}",
            case.endpoint,
            rows.len(),
            in_state("succeeded"),
            in_state("dead"),
            case.does
        );
    }
}

fn attempts(witnesses: &Witnesses) {
    let mut histogram: BTreeMap<usize, usize> = BTreeMap::new();
    for row in &witnesses.ledger {
        *histogram.entry(row.attempts.len()).or_default() += 1;
    }
    let words: Vec<_> = histogram.iter().map(|(attempts, jobs)| format!("{attempts}: {jobs}")).collect();
    println!("  jobs by number of attempts  {}", words.join(", "));
    for row in witnesses.ledger.iter().filter(|row| row.attempts.len() > 1) {
        println!("  {:9} {}  ->  {}", row.endpoint, row.attempts.join(", "), row.state);
    }
}

fn speed(enqueued: &Enqueued, witnesses: &Witnesses) {
    let singles = enqueued.jobs.len() - batched(enqueued);
    println!(
        "  {} jobs accepted in {} ms: {} in {} batches, {singles} one by one",
        enqueued.jobs.len(),
        enqueued.took.as_millis(),
        batched(enqueued),
        enqueued.batches
    );
    let (waits, arrivals) = first_attempts(witnesses);
    if let (Some(first), Some(last)) = (arrivals.first(), arrivals.last()) {
        let jobs = arrivals.len();
        println!("  burst of {jobs}: the first and the last reached the receiver {} ms apart", last - first);
    }
    println!(
        "  from accepted to received, first attempt: p50 {} ms, p99 {} ms",
        percentile(&waits, 50),
        percentile(&waits, 99)
    );
    println!("  (includes the queue's batch wait of up to 1 s; one invocation sends one host 2 requests at a time)");
}

fn batched(enqueued: &Enqueued) -> usize {
    let burst = enqueued.jobs.iter().filter(|job| job.case.is_healthy()).count();
    burst - enqueued.batches * super::enqueue::SINGLES
}

/// Returns the waits of the healthy endpoints' jobs until their first request, and the arrival times of these requests,
/// both sorted.
fn first_attempts(witnesses: &Witnesses) -> (Vec<u128>, Vec<u128>) {
    let mut first: BTreeMap<&str, u128> = BTreeMap::new();
    for received in &witnesses.received {
        first.entry(received.webhook_id()).or_insert(received.at_ms);
    }
    let is_burst = |row: &&Row| cases::of(&row.endpoint).is_some_and(cases::Case::is_healthy);
    let mut waits = Vec::new();
    let mut arrivals = Vec::new();
    for row in witnesses.ledger.iter().filter(is_burst) {
        if let Some(at) = first.get(&*row.event_id) {
            waits.push(at.saturating_sub(row.created_at_ms));
            arrivals.push(*at);
        }
    }
    waits.sort_unstable();
    arrivals.sort_unstable();
    (waits, arrivals)
}

/// Returns a percentile by nearest rank; 0 for an empty list.
fn percentile(sorted: &[u128], percent: usize) -> u128 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn letter(afterlife: &Afterlife) {
    for field in ["id", "state", "reason", "cause", "attempts", "first_failed_at", "died_at", "expires_at"] {
        println!("  {field:15} {}", plain(&afterlife.letter[field]));
    }
    println!("  {:15} {}", "error", afterlife.letter["error"]);
}

/// Prints a record of evidence, the request after `>` and the response after `<`.
fn exchange(evidence: &Value) {
    let (request, response) = (&evidence["request"], &evidence["response"]);
    println!("  > {} {}", plain(&request["method"]), plain(&request["url"]));
    message('>', request);
    println!("  < {}", response["status"]);
    message('<', response);
}

fn message(prefix: char, message: &Value) {
    for header in message["headers"].as_array().into_iter().flatten() {
        println!("  {prefix} {}: {}", plain(&header[0]), plain(&header[1]));
    }
    println!("  {prefix} {}", plain(&message["body"]));
}

fn replay(afterlife: &Afterlife) {
    let successor = &afterlife.successor;
    println!("  new job         {}", plain(&successor["id"]));
    println!("  webhook-id      {}", plain(&successor["event_id"]));
    println!("  state           {} at attempt {}", plain(&successor["state"]), successor["attempts"]);
    println!(
        "  its dead letter {} by {}",
        plain(&afterlife.letter_after["state"]),
        plain(&afterlife.letter_after["replayed_by"])
    );
}

/// Returns a text without its quotes, and anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
