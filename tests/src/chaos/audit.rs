//! The invariants, checked against all witnesses. Each violation is one line.

use std::collections::{BTreeMap, BTreeSet};

use longshore::wire::idempotency::sha256;
use serde_json::Value;

use super::book::Book;
use super::killer::Kill;
use super::witness::{Entry, Row, Witness};

/// Tolerance in milliseconds: D1 and the receiver share one clock here, but neither is finer than a millisecond.
const CLOCK_MS: i64 = 2;

/// All violations.
pub(super) fn broken(book: &Book, kills: &[Kill], witness: &Witness) -> Vec<String> {
    let mut broken = book.broken.clone();
    acknowledged(book, witness, &mut broken);
    let mut requests = requests(witness, &mut broken);
    for row in &witness.rows {
        let mut say = |id: &str, what: &str| {
            broken.push(format!("{id}: {} {what}; {} {:?}", row.id, row.state, row.log));
        };
        let times = requests.remove(&*row.event_id).unwrap_or_default();
        ended_once(row, &mut say);
        covered(row, &times, &mut say);
        caused(row, kills, &mut say);
        evidenced(row, &witness.packs, &mut say);
    }
    broken.extend(requests.keys().map(|id| format!("I3: requests of {id}, which has no row")));
    broken
}

/// Checks I1 and I5: each acknowledged job has its row, each key has one job, and no other job exists.
fn acknowledged(book: &Book, witness: &Witness, broken: &mut Vec<String>) {
    let rows: BTreeMap<&str, &Row> = witness.rows.iter().map(|row| (&*row.id, row)).collect();
    for (key, id) in &book.acknowledged {
        match rows.get(&**id) {
            None => broken.push(format!("I1: {id} was acknowledged and does not exist")),
            Some(row) if row.key != *key => {
                broken.push(format!("I5: {id} was acknowledged for {key}, not {}", row.key));
            }
            Some(_) => {}
        }
    }
    let ids: BTreeSet<&str> = book.acknowledged.values().map(String::as_str).collect();
    if ids.len() != book.acknowledged.len() {
        broken.push(format!("I5: {} keys have {} jobs", book.acknowledged.len(), ids.len()));
    }
    for row in witness.rows.iter().filter(|row| !ids.contains(&*row.id)) {
        broken.push(format!("I5: {} of {} is a job that no answer contained", row.id, row.key));
    }
}

/// Times at which each webhook-id was received, in order.
fn requests<'a>(witness: &'a Witness, broken: &mut Vec<String>) -> BTreeMap<&'a str, Vec<i64>> {
    let mut requests: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for line in &witness.received {
        if !line.verified {
            broken.push(format!("a request with a bad signature: {line:?}"));
        }
        requests.entry(&line.webhook_id).or_default().push(line.at_ms);
    }
    for times in requests.values_mut() {
        times.sort_unstable();
    }
    requests
}

/// Checks I1 and I2: one end, attempts without a gap, a lease for each.
fn ended_once(row: &Row, say: &mut impl FnMut(&str, &str)) {
    if !row.finished || !["succeeded", "dead"].contains(&&*row.state) {
        say("I1", "has not ended");
    }
    if row.attempt != row.log.len() as u64 {
        say("I2", "has a gap in its log");
    }
    let leases: BTreeSet<_> = row.log.iter().map(|entry| &entry.lease).collect();
    if leases.len() != row.log.len() {
        say("I2", "made two attempts under one lease");
    }
    let succeeded = row.log.iter().filter(|entry| entry.state == "succeeded").count();
    let last = row.log.last().is_some_and(|entry| entry.state == "succeeded");
    if succeeded != usize::from(last) || last != (row.state == "succeeded") {
        say("I2", "succeeded, but not once and last");
    }
}

/// Checks I3: each request's attempt was logged before it arrived, and each recorded answer belongs to a request.
fn covered(row: &Row, times: &[i64], say: &mut impl FnMut(&str, &str)) {
    for (index, at_ms) in times.iter().enumerate() {
        if row.log.get(index).is_none_or(|entry| entry.started_at > at_ms + CLOCK_MS) {
            say("I3", &format!("was received at {at_ms} (request {}) before its attempt was logged", index + 1));
        }
    }
    let answered = row.log.iter().filter(|entry| ["succeeded", "failed"].contains(&&*entry.state)).count();
    if answered > times.len() {
        say("I3", &format!("was received {} times, and {answered} answers are recorded", times.len()));
    }
}

/// Checks I4: each retry follows a failure, or an outcome that a kill left unknown.
fn caused(row: &Row, kills: &[Kill], say: &mut impl FnMut(&str, &str)) {
    let before = row.log.len().saturating_sub(1);
    if row.log.iter().take(before).any(|entry| !["failed", "outcome_unknown"].contains(&&*entry.state)) {
        say("I4", "was retried without a recorded cause");
    }
    for (index, entry) in row.log.iter().enumerate().filter(|(_, entry)| entry.state == "outcome_unknown") {
        let until = row.log.get(index + 1).map_or(i64::MAX, |next| next.started_at);
        if killed_at(entry, kills).is_none_or(|at_ms| at_ms > until) {
            say("I4", &format!("has the unknown attempt {} without a kill", index + 1));
        }
    }
}

/// First kill after the start of an attempt.
fn killed_at(entry: &Entry, kills: &[Kill]) -> Option<i64> {
    kills.iter().map(|kill| kill.at_ms).find(|at_ms| *at_ms + CLOCK_MS >= entry.started_at)
}

/// Checks I6: the evidence of each finished attempt is where its entry says and has its digest, or the entry says why
/// not.
fn evidenced(row: &Row, packs: &BTreeMap<String, Vec<u8>>, say: &mut impl FnMut(&str, &str)) {
    for (index, entry) in row.log.iter().enumerate().filter(|(_, entry)| entry.state != "outcome_unknown") {
        let is_well = match entry.evidence["state"].as_str() {
            Some("inline") => entry.evidence["reason"].as_str().is_some_and(|reason| !reason.is_empty()),
            _ => stored(entry, packs).is_some_and(|record| {
                entry.evidence["sha256"] == sha256(record)
                    && serde_json::from_slice::<Value>(record)
                        .is_ok_and(|record| record["job_id"] == row.id && record["attempt"] == index + 1)
            }),
        };
        if !is_well {
            say("I6", &format!("has no evidence of attempt {}", index + 1));
        }
    }
}

fn stored<'a>(entry: &Entry, packs: &'a BTreeMap<String, Vec<u8>>) -> Option<&'a [u8]> {
    let number = |field: &str| entry.evidence[field].as_u64().and_then(|number| usize::try_from(number).ok());
    let (from, length) = (number("offset")?, number("length")?);
    packs.get(&entry.pack()?)?.get(from..from + length)
}

/// Milliseconds from each attempt that a kill ended to the next one, sorted.
pub(super) fn recoveries(kills: &[Kill], witness: &Witness) -> Vec<i64> {
    let pairs = witness.rows.iter().flat_map(|row| row.log.windows(2));
    let unknown = pairs.filter(|pair| pair[0].state == "outcome_unknown");
    let mut waits: Vec<_> = unknown.filter_map(|pair| Some(pair[1].started_at - killed_at(&pair[0], kills)?)).collect();
    waits.sort_unstable();
    waits
}

#[cfg(test)]
mod tests;
