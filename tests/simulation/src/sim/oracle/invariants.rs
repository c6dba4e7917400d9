//! The invariants that hold after every write (docs/failure-modes.md, section 1), checked on each change of a row.

use std::collections::{BTreeMap, BTreeSet};

use longshore::limits::plan::PAID;
use longshore::limits::{CLAIM_TOLERANCE_MS, CRASHES_MAX, HOUR_MS, REDISPATCH_BACKOFF_MS, SENDS_MAX};
use longshore::model::state::State;
use serde_json::Value;

use crate::sim::actors::clients::ANOTHER;
use crate::sim::actors::erasers::Erasures;
use crate::sim::actors::receiver::Receiver;
use crate::sim::actors::{closers, completers, resenders, tickers};
use crate::sim::oracle::audit::Change;
use crate::sim::oracle::limits::Holder;
use crate::sim::oracle::row::{Name, Row};
use crate::sim::oracle::waits::judge_delay;

/// State of the checks.
#[derive(Debug, Default)]
pub(crate) struct Invariants {
    /// First violation.
    pub(crate) violation: Option<String>,
    /// All current rows.
    pub(crate) rows: BTreeMap<Name, Row>,
    /// Jobs whose acceptance was confirmed to a caller.
    pub(crate) acknowledged: BTreeSet<Name>,
    /// All jobs that ever died.
    pub(crate) died: BTreeSet<Name>,
    /// Jobs that were deleted after their retention.
    pub(crate) purged: BTreeSet<Name>,
    /// Rows that each statement changed, and jobs that died by reason.
    pub(crate) reached: BTreeMap<String, u64>,
    /// Occurrences of schedules that have a job.
    pub(crate) occurrences: BTreeSet<(String, String, i64)>,
    /// Job that holds a tenant's key.
    pub(crate) keys: BTreeMap<(String, String), String>,
    /// Keys that once belonged to another body.
    pub(crate) lost: BTreeSet<(String, String)>,
    watermark: i64,
    /// Erasures that were requested, and the jobs that they deleted.
    pub(crate) erasures: Erasures,
    /// True if the store is crowded: succeeded jobs are kept for an hour only.
    pub(crate) is_crowded: bool,
}

macro_rules! holds {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use holds;

impl Invariants {
    /// Checks F46: a full store accepts nothing.
    pub(crate) fn accepted(&mut self, is_full: i64) {
        if is_full == 1 {
            self.violated("F46: a full store accepted a job".into());
        }
    }

    pub(crate) fn violated(&mut self, text: String) {
        self.violation.get_or_insert(text);
    }

    pub(crate) fn reach(&mut self, what: &str) {
        match self.reached.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(self.reached.insert(what.to_owned(), 1)),
        }
    }

    /// Checks one change and records it.
    pub(crate) fn observe(&mut self, now: i64, change: Change, holder: Holder, receiver: &Receiver) {
        let Change { statement, token, name, mut new } = change;
        let old = self.rows.remove(&name);
        if let Some(new) = &mut new {
            new.read_log(old.as_ref());
        }
        self.reach(statement);
        let verdict = match (&old, &new) {
            (None, Some(new)) => self.judge_insert(now, new),
            (Some(_), Some(_)) if statement == "expire" && holder.is_well => {
                Err("I4: the lease of a healthy worker expired".to_owned())
            }
            (Some(old), Some(new)) => judge_update(now, (statement, token.as_deref()), old, new, receiver)
                .and_then(|()| self.judge_alone(statement, new))
                .and_then(|()| if statement == "expire" { self.judge_crashes(now, old, new, holder) } else { Ok(()) }),
            (Some(old), None) if statement == "erase_jobs" => self.erasures.left(old),
            (Some(old), None) => judge_delete(now, old, self.is_crowded),
            (None, None) => Ok(()),
        };
        if let Err(text) = verdict {
            self.violated(format!("{text} ({statement})\n  old {old:?}\n  new {new:?}"));
        }
        match (old, new) {
            (_, Some(new)) => {
                if new.state == State::Dead && self.died.insert(new.name()) {
                    self.reach(&format!("dead of {}", new.dead_reason.as_deref().unwrap_or_default()));
                }
                if let Some(text) = is_forgotten(&new, self.watermark) {
                    self.violated(text);
                }
                self.rows.insert(new.name(), new);
            }
            (_, None) => drop(self.purged.insert(name)),
        }
    }

    /// Checks I10: the watermark passed all rows below it, so each open one of them has a next check.
    pub(crate) fn watermark_moved(&mut self, watermark: i64) {
        self.watermark = watermark;
        if let Some(text) = self.rows.values().find_map(|row| is_forgotten(row, watermark)) {
            self.violated(text);
        }
    }

    /// Checks F15: a quarantined job runs alone under its lease.
    fn judge_alone(&self, statement: &str, new: &Row) -> Result<(), String> {
        let together = |row: &Row| {
            row.id != new.id && row.lease_token == new.lease_token && (row.quarantined | new.quarantined) == 1
        };
        let is_alone = statement != "claim" || !self.rows.values().any(together);
        if is_alone { Ok(()) } else { Err("I7, F15: a quarantined job does not run alone".to_owned()) }
    }

    fn judge_insert(&mut self, now: i64, new: &Row) -> Result<(), String> {
        self.erasures.inserted(now, new);
        closers::judge_insert(new)?;
        holds!(
            new.has_payload && matches!(new.state, State::Queued | State::Scheduled),
            "I2, F72: a job must begin queued or scheduled"
        );
        holds!(new.attempt == 0 && new.log.is_empty() && new.failures == 0, "I2: a job must begin without attempts");
        holds!(new.created_at >= self.watermark, "I1: a row was committed below the watermark {}", self.watermark);
        holds!((new.created_at - now).abs() <= 20_000, "I1: the time in the id is far from now ({now})");
        if let Some(key) = &new.key {
            let key = (new.tenant.clone(), key.clone());
            let held = self.keys.get(&key).and_then(|id| self.rows.get(&(new.tenant.clone(), id.clone())));
            holds!(held.is_none_or(|row| row.key.is_none()), "I5: a second job for a key");
            if new.group.as_deref() == Some(ANOTHER) {
                self.lost.insert(key.clone());
            }
            self.keys.insert(key, new.id.clone());
        }
        if let Some(first) = &new.replay_of {
            let first =
                self.rows.get(&(new.tenant.clone(), first.clone())).ok_or("I11: a successor without its original")?;
            holds!(first.event_id() == new.event_id(), "I4: a successor with another event id");
            if first.state != State::Dead {
                return resenders::judge_insert(first, new);
            }
            holds!(first.dead_state.as_deref() == Some("replayed"), "I11: a successor of a job that was not replayed");
            holds!(first.replayed_by.as_ref() == Some(&new.id), "I11: a successor that is not named");
            return Ok(());
        }
        self.judge_occurrence(now, new)
    }

    /// Checks I8: one job for each occurrence, and no second one beside an open one where `overlap` is `skip`.
    fn judge_occurrence(&mut self, now: i64, new: &Row) -> Result<(), String> {
        let (Some(schedule), Some(occurrence)) = (&new.schedule, new.scheduled_for) else { return Ok(()) };
        holds!(occurrence <= now, "I8: an occurrence {} ms ahead", occurrence - now);
        let first = self.occurrences.insert((new.tenant.clone(), schedule.clone(), occurrence));
        holds!(first, "I8: a second job for the occurrence {occurrence} of {schedule}");
        let beside = |row: &&Row| row.schedule == new.schedule && row.replay_of.is_none() && !row.state.is_terminal();
        // A job of an earlier schedule, whose tenant was erased and admitted again, will be deleted.
        let counts = |row: &Row| beside(&row) && !self.erasures.is_covered(&row.name(), 0);
        let is_alone = schedule != tickers::ALONE || !self.rows.values().any(counts);
        holds!(is_alone, "I8: a job of {schedule} beside an open one");
        Ok(())
    }

    /// Number of all jobs so far, including deleted ones.
    pub(crate) fn jobs(&self) -> usize {
        self.rows.len() + self.purged.len() + self.erasures.count()
    }
}

fn is_forgotten(row: &Row, watermark: i64) -> Option<String> {
    let open = !row.state.is_terminal() && row.state != State::Held;
    let forgotten = open && row.created_at < watermark && row.next_check_at.is_none();
    forgotten.then(|| format!("I10: below the watermark {watermark}, no sweep will check {row:?}"))
}

fn judge_update(
    now: i64,
    (statement, token): (&str, Option<&str>),
    old: &Row,
    new: &Row,
    receiver: &Receiver,
) -> Result<(), String> {
    let fixed = |row: &Row| {
        let strings = [&row.tenant, &row.id, &row.digest, &row.endpoint].map(Clone::clone);
        let rest = (row.max_attempts, row.backoff, row.replay_of.clone(), row.payload_bytes);
        (strings, row.created_at, row.event_id.clone(), rest)
    };
    holds!(fixed(old) == fixed(new), "I2: an immutable column changed");
    holds!(new.attempt == new.log.len(), "I2: {} attempts and {} entries", new.attempt, new.log.len());
    holds!(new.failures <= new.max_attempts, "I7: more failures than allowed");
    holds!(new.attempt <= SENDS_MAX as usize && new.crashes <= CRASHES_MAX, "I7: sent or crashed too often");
    holds!(new.has_payload || new.state == State::Succeeded, "I1: the payload was deleted before the job succeeded");
    if old.key.is_some() && new.key.is_none() {
        let over = old.key_until.is_some_and(|until| until <= now);
        holds!(over || new.dead_state.as_deref() == Some("discarded"), "I5: a key was lost within its window");
    }
    if statement == "add_late_outcomes" {
        return completers::judge_late(token, old, new).and_then(|entry| judge_answer(entry, new, receiver));
    }
    if old.state.is_terminal() {
        return judge_terminal(old, new);
    }
    match statement {
        "claim" => judge_claim(now, token, old, new),
        "release_claim" => judge_release(token, old, new),
        "settle" => judge_settle(now, token, old, new, receiver),
        "expire" => judge_expire(now, old, new),
        "dispatch" => judge_dispatch(now, old, new),
        "heartbeat" => {
            holds!(old.lease_token.as_deref() == token && old.deferred == 0, "I2: a stale token wrote");
            judge_unchanged(old, new)
        }
        _ => judge_unchanged(old, new),
    }?;
    if new.state == State::Dead { judge_death(now, new) } else { Ok(()) }
}

/// Checks I2: a terminal row never reopens, and its recorded outcome stays.
fn judge_terminal(old: &Row, new: &Row) -> Result<(), String> {
    let kept = |row: &Row| {
        let recorded = (row.log.clone(), row.result.clone(), row.error.clone(), row.dead_reason.clone());
        (row.state, row.attempt, row.failures, row.finished_at, recorded)
    };
    holds!(kept(old) == kept(new), "I2: a terminal row changed");
    let letter = (old.dead_state.as_deref(), new.dead_state.as_deref());
    let moved = matches!(letter, (Some("open"), Some("replayed" | "discarded")));
    holds!(letter.0 == letter.1 || moved, "I11: a dead letter changed from {letter:?}");
    holds!(old.replayed_by.is_none() || old.replayed_by == new.replayed_by, "I11: a second successor");
    Ok(())
}

/// Checks that only the four statements that may change the log or the lease do so.
fn judge_unchanged(old: &Row, new: &Row) -> Result<(), String> {
    let is_same = old.log == new.log && old.attempt == new.attempt && old.lease_token == new.lease_token;
    holds!(is_same && new.state != State::Succeeded, "I2: the log, the lease or the outcome changed");
    Ok(())
}

fn judge_claim(now: i64, token: Option<&str>, old: &Row, new: &Row) -> Result<(), String> {
    let waits = matches!(old.state, State::Queued | State::Retrying | State::Scheduled);
    holds!(waits && new.state == State::Running, "I2: claimed {:?}", old.state);
    holds!(new.attempt == old.attempt + 1 && new.log[..old.attempt] == *old.log, "I2: a claim must add one attempt");
    let entry = &new.log[old.attempt];
    holds!(entry["lease"].as_str() == token && entry["state"].is_null(), "I3: the entry has another lease");
    holds!(old.run_after <= now + CLAIM_TOLERANCE_MS, "I7: claimed {} ms early", old.run_after - now);
    holds!(old.cancel_requested == 0, "I2: claimed although a cancel was asked for");
    holds!(old.deadline_at.is_none_or(|at| at > now), "I7: claimed after its deadline");
    holds!(new.lease_until.is_some_and(|until| until >= now + 30_000), "I2: the lease is too short");
    Ok(())
}

fn judge_release(token: Option<&str>, old: &Row, new: &Row) -> Result<(), String> {
    holds!(old.lease_token.as_deref() == token && old.state == State::Running, "I2: a stale token wrote");
    holds!(matches!(new.state, State::Queued | State::Retrying), "I2: released as {:?}", new.state);
    holds!(
        new.attempt + 1 == old.attempt && *new.log == old.log[..new.attempt],
        "I2: a release must remove one attempt"
    );
    holds!(old.log[new.attempt]["state"].is_null(), "I3: released after it ended");
    Ok(())
}

fn judge_settle(now: i64, token: Option<&str>, old: &Row, new: &Row, receiver: &Receiver) -> Result<(), String> {
    holds!(old.state == State::Running && old.lease_token.as_deref() == token, "I2: a stale token wrote");
    holds!(new.attempt == old.attempt && new.attempt > 0, "I2: a settlement must not change the attempt count");
    let last = new.attempt - 1;
    let awaited = old.log[last]["state"].is_null() || old.deferred == 1 && old.log[last]["state"] == "deferred";
    holds!(new.log[..last] == old.log[..last] && awaited, "I2: an outcome recorded twice");
    if new.deferred == 1 {
        return judge_deferral(now, old, new, receiver);
    }
    holds!(new.lease_token.is_none() && new.quarantined == 0, "I2: settled and still leased");
    let entry = &new.log[last];
    let succeeded = entry["state"] == "succeeded";
    holds!(succeeded == (new.state == State::Succeeded), "I2: the entry says {}", entry["state"]);
    holds!(succeeded || entry["state"] == "failed", "I2: the entry says {}", entry["state"]);
    completers::judge_completion(new, entry)?;
    let cancelled = old.cancel_requested == 1 && new.state == State::Cancelled;
    holds!(old.cancel_requested == 0 || new.state != State::Retrying, "I2: retrying although cancelled");
    holds!(new.error.is_none() == succeeded && new.crashes == 0, "I2: settled with an old error or old crashes");
    holds!(new.cause.is_none() == succeeded, "I15: settled as {:?} with the cause {:?}", new.state, new.cause);
    judge_answer(entry, new, receiver)?;
    let follows = matches!(new.state, State::Succeeded | State::Retrying | State::Dead);
    holds!(follows || cancelled, "I2: settled as {:?}", new.state);
    if new.state == State::Retrying { judge_delay(now, entry, old, new, receiver) } else { Ok(()) }
}

/// Checks that a deferred attempt keeps its lease until its completion is due.
fn judge_deferral(now: i64, old: &Row, new: &Row, receiver: &Receiver) -> Result<(), String> {
    let entry = &new.log[new.attempt - 1];
    holds!(entry["state"] == "deferred" && new.state == State::Running, "I2: deferred as {:?}", new.state);
    holds!(new.lease_token == old.lease_token && new.error.is_none(), "I2: deferred without its lease");
    holds!(new.failures == old.failures && new.has_payload, "I2: a deferral must change nothing else");
    let due_in = receiver.seen_of(new, entry).and_then(|answer| answer.due_in).unwrap_or_default() * 1_000;
    holds!(new.lease_until == Some(now + due_in) && due_in > 0, "I7: the completion is due at another time");
    holds!(new.next_check_at == new.lease_until, "I10: no check when the completion is due");
    judge_answer(entry, new, receiver)
}

/// Checks I3: the status in the log is the destination's answer to this attempt.
fn judge_answer(entry: &Value, new: &Row, receiver: &Receiver) -> Result<(), String> {
    let Some(status) = entry["status"].as_u64() else {
        // If the completion was settled before the answer, the late outcome adds the status later.
        let is_lost = receiver.got_status(new, entry) && entry["ended_by"].is_null();
        holds!(!is_lost, "I3: a status came back and is not in the ledger");
        return Ok(());
    };
    let message = entry["error"]["message"].as_str();
    let silent = message.is_some_and(|text| text.starts_with("The provider did not respond"));
    holds!(!silent, "I3: {status} is logged for a call without an answer");
    let named = message.and_then(|text| text.strip_prefix("The provider answered "));
    let named = named.and_then(|text| text.split(['.', ',']).next()?.parse().ok());
    // A call that contained only other jobs may be what failed this one too.
    let own = named.filter(|named: &u64| receiver.has_answered(new, entry, *named));
    holds!(own.is_none_or(|own| own == status), "I3: {status} is logged, and the error names {own:?}");
    let seen = receiver.seen_of(new, entry);
    holds!(
        seen.is_some_and(|answer| u64::from(answer.status) == status),
        "I3: the destination answered {seen:?}, not {status}"
    );
    let same = new.log.iter().filter(|other| other["lease"] == entry["lease"] && !other["status"].is_null());
    holds!(same.count() == 1, "I3: one request and two outcomes");
    Ok(())
}

fn judge_expire(now: i64, old: &Row, new: &Row) -> Result<(), String> {
    let over = old.lease_until.is_some_and(|until| until <= now) && old.deferred == 0;
    holds!(over, "I2: a lease expired before its time");
    let last = old.attempt - 1;
    holds!(new.attempt == old.attempt && new.log[..last] == old.log[..last], "I2: the log changed");
    holds!(new.log[last]["state"] == "outcome_unknown" && old.log[last]["state"].is_null(), "I4: not unknown");
    holds!(new.log[last]["lease"] == old.log[last]["lease"], "I3: an entry lost its lease");
    holds!(new.quarantined == 1 || new.state.is_terminal(), "I7: a crash without quarantine");
    holds!(new.cause.is_some() || new.state == State::Cancelled, "I15: a crash without a cause");
    Ok(())
}

/// Checks I10: a hinted job is not hinted again for a while.
fn judge_dispatch(now: i64, old: &Row, new: &Row) -> Result<(), String> {
    holds!(old.run_after <= now, "I7: hinted before its time");
    holds!(
        new.next_check_at.is_some_and(|at| at >= now + REDISPATCH_BACKOFF_MS),
        "I10: hinted without re-dispatch back-off"
    );
    judge_unchanged(old, new)
}

fn judge_death(now: i64, new: &Row) -> Result<(), String> {
    let sends = new.attempt >= SENDS_MAX as usize;
    let why = match new.dead_reason.as_deref() {
        Some("attempts_exhausted") => new.failures >= new.max_attempts || sends,
        Some("not_retryable") => new.error.as_ref().is_some_and(|error| !error.retryable),
        Some("crash_loop") => new.crashes >= CRASHES_MAX,
        Some("deadline") => new.deadline_at.is_some(),
        _ => false,
    };
    holds!(why, "I7: dead without its reason");
    holds!(new.dead_state.as_deref() == Some("open") && new.finished_at == Some(now), "I11: not an open dead letter");
    Ok(())
}

/// Checks that a row is deleted only after it has ended and its retention and its key's window are over.
fn judge_delete(now: i64, old: &Row, is_crowded: bool) -> Result<(), String> {
    holds!(old.state.is_terminal(), "I1: an open job was deleted");
    holds!(old.key_until.is_none_or(|until| until <= now), "I5: a row was deleted before its key's window ended");
    let kept = match old.state {
        State::Dead => PAID.retention_dead_ms,
        State::Succeeded if is_crowded => HOUR_MS,
        _ => PAID.retention_succeeded_ms,
    };
    holds!(old.finished_at.is_some_and(|at| at + kept <= now), "I1: a row was deleted before its retention ended");
    Ok(())
}
