//! The invariants that are checked at the end, when all jobs have ended.

use longshore::model::attempt::{AttemptState, EvidenceRef, LogEntry};
use longshore::model::evidence::pack_key;
use longshore::model::state::State;
use longshore::wire::idempotency::sha256;
use serde_json::Value;

use crate::sim::actors::{bulk_operators, closers, completers, erasers, indexers, providers};
use crate::sim::bugs::sabotage::Switch;
use crate::sim::engine::world::World;
use crate::sim::oracle::row::Row;
use crate::sim::oracle::totals;

/// Checks the world after all jobs have ended.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    let invariants = world.invariants.borrow();
    let count = world.number("SELECT count(*) FROM jobs");
    if usize::try_from(count).unwrap() != invariants.rows.len() {
        return Err(format!("the audit lost count: {count} rows, {} known", invariants.rows.len()));
    }
    for (tenant, id) in &invariants.acknowledged {
        let name = (tenant.clone(), id.clone());
        if !invariants.rows.contains_key(&name) && !invariants.erasures.has(&name) {
            return Err(format!("I1: {id} was acknowledged and is lost"));
        }
    }
    for row in invariants.rows.values() {
        judge_row(world, row).map_err(|text| format!("{text}\n  {row:?}"))?;
    }
    judge_ledger(world)?;
    judge_causes(world)?;
    bulk_operators::judge(world)?;
    // Between the statements of a split batch, `changes()` is that of another one.
    if !world.has(Switch::SplitsBatches) {
        judge_audit_log(world)?;
    }
    let letters = invariants.rows.values().filter(|row| row.dead_state.is_some()).count();
    let died = invariants.died.iter().filter(|name| !invariants.erasures.has(name)).count();
    if letters != died {
        return Err(format!("I11: {died} jobs died and {letters} dead letters exist"));
    }
    let accepted = world.number("SELECT coalesce(sum(accepted), 0) FROM tenant_hours");
    // Erased jobs may have been counted before.
    if accepted != count && invariants.erasures.is_empty() {
        return Err(format!("F33: {count} jobs and {accepted} counted"));
    }
    // Splitting batches makes the counts of groups wrong even without a crash.
    if !world.has(Switch::SplitsBatches) {
        judge_groups(world)?;
        closers::judge(world)?;
        totals::judge(world)?;
    }
    // Calls of a worker that died before it settled are not counted.
    let (spent, counted) = (world.provider_calls.get(), world.number("SELECT coalesce(sum(calls), 0) FROM usage"));
    if counted > spent {
        return Err(format!("F58: {counted} calls of the provider are counted, and {spent} were made"));
    }
    erasers::judge(world)
}

/// Checks I15: each open dead letter has a cause that the list of causes shows.
fn judge_causes(world: &World) -> Result<(), String> {
    let hidden = world.number(
        "SELECT count(*) FROM jobs j WHERE j.dead_state = 'open' AND NOT EXISTS (
          SELECT 1 FROM causes c WHERE c.tenant = j.tenant AND c.id = j.cause)",
    );
    if hidden == 0 { Ok(()) } else { Err(format!("I15: {hidden} open dead letters have no known cause")) }
}

/// Checks I16: each replay and each discard has one entry in the audit log, unless an action did it.
fn judge_audit_log(world: &World) -> Result<(), String> {
    let missing = world.number(
        "SELECT count(*) FROM jobs j WHERE j.dead_state IN ('replayed', 'discarded')
          AND coalesce(j.action, (SELECT s.action FROM jobs s WHERE s.tenant = j.tenant AND s.id = j.replayed_by)) IS NULL AND NOT EXISTS (
          SELECT 1 FROM audit a WHERE a.tenant = j.tenant AND a.target = j.id AND a.operation =
            CASE j.dead_state WHEN 'replayed' THEN 'ReplayDeadLetter' ELSE 'DiscardDeadLetter' END)",
    );
    let repeated = world.number(
        "SELECT count(*) FROM (SELECT 1 FROM audit WHERE operation IN ('ReplayDeadLetter', 'DiscardDeadLetter')
          GROUP BY tenant, target HAVING count(*) > 1)",
    );
    if (missing, repeated) == (0, 0) {
        return Ok(());
    }
    Err(format!("I16: {missing} changes of dead letters have no entry in the audit log, and {repeated} have several"))
}

/// Checks F33: the counters of a group, or of an action, match a count of its jobs.
fn judge_groups(world: &World) -> Result<(), String> {
    // A group that was closed before its first job may have none.
    let wrong = world.number(
        "SELECT count(*) FROM (
          SELECT tenant, id, total, succeeded, dead, replayed, cancelled, total, total FROM groups
          WHERE total > 0 OR (id NOT GLOB ':*' AND closed_at IS NULL)
          EXCEPT
          SELECT tenant, label, count(*), sum(state = 'succeeded'), sum(state = 'dead' AND dead_state <> 'replayed'),
            sum(state = 'dead' AND dead_state = 'replayed'), sum(state = 'cancelled'), count(finished_at), count(*)
          FROM (SELECT *, job_group AS label FROM jobs WHERE job_group IS NOT NULL
            UNION ALL SELECT *, ':' || action FROM jobs WHERE action IS NOT NULL) GROUP BY tenant, label)",
    );
    // The jobs of an action may have moved to a later one.
    let unfinished = world.number("SELECT count(*) FROM groups WHERE finished_at IS NULL AND id NOT GLOB ':*'");
    let labels = world.number(
        "SELECT count(DISTINCT tenant || ' ' || job_group) + count(DISTINCT tenant || ' ' || action) FROM jobs",
    );
    let groups =
        world.number("SELECT count(*) FROM groups WHERE total > 0 OR (id NOT GLOB ':*' AND closed_at IS NULL)");
    if (wrong, unfinished) == (0, 0) && labels == groups {
        return Ok(());
    }
    Err(format!(
        "F33: of {groups} groups for {labels} labels, {wrong} have wrong counts and {unfinished} have not finished"
    ))
}

fn judge_row(world: &World, row: &Row) -> Result<(), String> {
    if !row.state.is_terminal() {
        return Err("I1: a job that did not end".into());
    }
    let mut entries = Vec::new();
    for entry in row.log.iter() {
        entries.push(LogEntry::deserialize_from(entry)?);
    }
    for (number, entry) in entries.iter().enumerate() {
        let last = number + 1 == entries.len();
        match entry.state {
            None => return Err("I2: an attempt that did not end".into()),
            Some(AttemptState::Succeeded) if !last => return Err("I4: sent again after a success".into()),
            Some(AttemptState::OutcomeUnknown) => {}
            Some(_) if entry.ended_by.is_some() && entry.evidence.is_none() => {
                completers::judge_unrecorded(world, row, &entry.lease)?;
            }
            Some(_) => judge_evidence(world, row, entry, number + 1)?,
        }
    }
    let succeeded = entries.last().is_some_and(|entry| entry.state == Some(AttemptState::Succeeded));
    // A task whose answer was interrupted within its body has no known result.
    let has_result = row.result.is_some() || (succeeded && row.kind.contains('.'));
    if succeeded != (row.state == State::Succeeded) || succeeded != has_result {
        return Err("I2: the result and the log disagree".into());
    }
    providers::judge(world, row)?;
    let successor = row.replayed_by.as_ref().map(|id| {
        let (name, invariants) = ((row.tenant.clone(), id.clone()), world.invariants.borrow());
        invariants.rows.contains_key(&name) || invariants.erasures.has(&name)
    });
    if (row.dead_state.as_deref() == Some("replayed")) != (successor == Some(true)) {
        return Err("I11: a replayed dead letter without its successor".into());
    }
    Ok(())
}

/// Checks I6: the evidence is where the row says and matches its hash, or the row says why there is none.
fn judge_evidence(world: &World, row: &Row, entry: &LogEntry, number: usize) -> Result<(), String> {
    match entry.evidence.as_ref().ok_or("I6: no evidence reference")? {
        EvidenceRef::Off => {
            let allowed = match row.endpoint.as_str() {
                "secret" => true,
                "quiet" => entry.state == Some(AttemptState::Succeeded) || entry.ended_by.is_some(),
                _ => false,
            };
            if allowed { Ok(()) } else { Err("I6: evidence is missing where it is not turned off".into()) }
        }
        EvidenceRef::Inline { reason, record, .. } if !reason.is_empty() && !record.is_empty() => Ok(()),
        EvidenceRef::Inline { .. } => Err("I6: inline evidence without record or reason".into()),
        EvidenceRef::Stored { n, offset, length, sha256: digest } => {
            let objects = world.objects.borrow();
            let pack = objects.get(&pack_key(&entry.lease, *n)).ok_or("I6: the evidence is missing")?;
            let range = usize::try_from(*offset).unwrap()..usize::try_from(offset + length).unwrap();
            let bytes = pack.get(range).ok_or("I6: the evidence is truncated")?;
            if sha256(bytes) != *digest {
                return Err("I6: the evidence does not match its hash".into());
            }
            let record: Value = serde_json::from_slice(bytes).map_err(|error| format!("I6: {error}"))?;
            if record["job_id"] != *row.id || record["attempt"] != number {
                return Err("I6: the evidence belongs to another attempt".into());
            }
            Ok(())
        }
    }
}

/// Checks I3: every request that a receiver got is still in the ledger.
fn judge_ledger(world: &World) -> Result<(), String> {
    let invariants = world.invariants.borrow();
    let seen = world.receiver.seen.borrow();
    // Jobs with the same text cannot be distinguished, and the others may have been released since.
    for (id, lease) in seen.keys().filter(|(id, _)| !id.starts_with(indexers::EVENT)) {
        let has = |row: &Row| row.event_id() == id && row.log.iter().any(|entry| entry["lease"] == **lease);
        if !invariants.rows.values().any(has) && !invariants.erasures.has_event(id) {
            return Err(format!("I3: a request of {id} left the ledger"));
        }
    }
    Ok(())
}

trait FromValue: Sized {
    fn deserialize_from(value: &Value) -> Result<Self, String>;
}

impl FromValue for LogEntry {
    fn deserialize_from(value: &Value) -> Result<Self, String> {
        serde_json::from_value(value.clone()).map_err(|error| format!("I2: an entry that cannot be read: {error}"))
    }
}
