//! Handlers that complete deferred tasks: before the answer is settled, late, twice, for another attempt, or never.

use std::rc::Rc;

use longshore::model::job::{JobRef, JobRow};
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::state::State;
use longshore::run::complete::complete;
use longshore::store::notify::send_hints;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use crate::sim::actors::consumers::doom;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;
use crate::sim::oracle::invariants::Invariants;
use crate::sim::oracle::row::{Name, Row};

/// Margin in milliseconds: a completion sent this long before it is due arrives in time.
const SOON_MS: i64 = 10_000;
/// Time after the request within which some handlers complete it, while the answer may be in transit or wait for its
/// flush.
const EARLY_MS: i64 = 4_000;

/// One completion call, which is repeated a few times.
#[derive(Debug, Clone)]
struct Call {
    id: String,
    attempt: Option<u32>,
    outcome: Outcome,
}

/// Starts handlers that complete an attempt of a job, due in `due_in` seconds. They succeed in time, unless a fault of
/// destinations hits.
pub(crate) fn spawn(world: &Rc<World>, id: &str, attempt: Option<u32>, due_in: i64) {
    let is_late = world.hits(Fault::HttpHang);
    let hands = match world.random.between(0, 9) {
        0 if is_late => 0,
        1 if !world.narrow.quiet => 2,
        _ => 1,
    };
    let most = if is_late { 600_000 } else { due_in * 1_000 - SOON_MS };
    spawn_hands(world, id, attempt, (hands, most), false);
}

/// Starts handlers that complete an attempt while its answer is in transit or waits to be settled. Some do not name the
/// attempt.
pub(crate) fn spawn_early(world: &Rc<World>, id: &str, attempt: Option<u32>) {
    let attempt = attempt.filter(|_| !world.random.per_mille(150));
    let fails = world.random.per_mille(350);
    spawn_hands(world, id, attempt, (world.random.between(1, 2), EARLY_MS), fails);
}

/// Starts a caller that completes a job without knowing if it is a task or runs.
pub(crate) fn spawn_stranger(world: &Rc<World>, job: &JobRef) {
    let attempt = world.random.per_mille(500).then(|| u32::try_from(world.random.between(0, 3)).unwrap());
    spawn_hands(world, &job.id, attempt, (1, 10), world.random.per_mille(300));
}

/// Starts `hands` handlers, each with a different outcome, which they send within `most` milliseconds. Without a fault
/// the outcome is a success, unless `fails`.
fn spawn_hands(world: &Rc<World>, id: &str, attempt: Option<u32>, (hands, most): (i64, i64), fails: bool) {
    let fails = fails || world.hits(Fault::Http500);
    for hand in 0..hands {
        let outcome = if fails {
            Outcome::Failed { class: ErrorClass::Provider, message: format!("no {hand}"), retry_after: None }
        } else {
            Outcome::Succeeded { result: json!({ "hand": hand }).into() }
        };
        let (owner, call) = (world.clone(), Call { id: id.to_owned(), attempt, outcome });
        let wait = world.random.between(10, most);
        world.executor.spawn(Doom::default(), async move { ask(&owner, &call, wait).await });
    }
}

/// Sends the call to one of the producers, again and again.
async fn ask(world: &Rc<World>, call: &Call, wait: i64) {
    world.sleep(wait).await;
    // A call that names no attempt would end the next attempt too if it were repeated.
    let times = if call.attempt.is_some() { 5 } else { 1 };
    for _ in 0..times {
        let named = |(_, name): &&Name| *name == call.id;
        let found = world.invariants.borrow().rows.keys().find(named).cloned();
        let Some(name) = found else { return };
        let node = Node::new(world, *world.random.pick(&world.producer_clocks));
        let fate = doom(world, Fault::ProducerCrash);
        world.executor.spawn(fate, tell(node, JobRef::from(name), call.clone()));
        world.sleep(world.random.between(10_000, 60_000)).await;
    }
}

async fn tell(node: Node, job: JobRef, Call { attempt, outcome, .. }: Call) {
    let settings = node.settings();
    let answer = complete(&node, settings, &job, attempt, outcome.clone()).await;
    let verdict = {
        let invariants = node.world.invariants.borrow();
        match &answer {
            Ok((row, _)) => judge_confirmed(&invariants, row, attempt, &outcome),
            Err(Problem::IllegalTransition(_)) => judge_refused(&invariants, &job, attempt, &outcome),
            Err(_) => Ok(()),
        }
    };
    if let Err(text) = verdict {
        node.world.invariants.borrow_mut().violated(text);
    }
    if let Ok((_, retry)) = answer {
        send_hints(&node, settings, retry.into_iter().collect()).await;
    }
}

/// Returns true if an entry of that row says that a completion ended it with this outcome.
fn says(row: &Row, entry: &Value, outcome: &Outcome) -> bool {
    let so = match outcome {
        Outcome::Succeeded { result } => {
            entry["state"] == "succeeded" && row.result.clone().unwrap_or_default() == result.to_value()
        }
        Outcome::Failed { message, .. } => entry["state"] == "failed" && entry["error"]["message"] == **message,
        _ => false,
    };
    so && entry["ended_by"] == "completion"
}

/// Checks I2: if a caller got a success, a completion ended the job so.
fn judge_confirmed(
    known: &Invariants,
    confirmed: &JobRow,
    attempt: Option<u32>,
    outcome: &Outcome,
) -> Result<(), String> {
    let name = (confirmed.tenant.clone(), confirmed.id.clone());
    if known.erasures.has(&name) {
        return Ok(());
    }
    let Some(row) = known.rows.get(&name) else {
        return Err(format!("I2: {} was completed and does not exist", confirmed.id));
    };
    let meant = |index: usize| attempt.is_none_or(|attempt| attempt as usize == index + 1);
    let has_entry = row.log.iter().enumerate().any(|(index, entry)| meant(index) && says(row, entry, outcome));
    let is_done = !matches!(outcome, Outcome::Succeeded { .. }) || row.state == State::Succeeded;
    if has_entry && is_done {
        return Ok(());
    }
    Err(format!(
        "I2: the completion of {} by {outcome:?} at {attempt:?} was confirmed and is not in {row:?}",
        confirmed.id
    ))
}

/// Checks I2: a repeat of the call that ended an attempt is not refused.
fn judge_refused(known: &Invariants, job: &JobRef, attempt: Option<u32>, outcome: &Outcome) -> Result<(), String> {
    let row = known.rows.get(&(job.tenant.clone(), job.id.clone()));
    let index = attempt.and_then(|attempt| (attempt as usize).checked_sub(1));
    let entry = row.and_then(|row| Some((row, row.log.get(index?)?)));
    match entry {
        Some((row, entry)) if says(row, entry, outcome) => {
            Err(format!("I2: {outcome:?} at {attempt:?} was refused although {} has recorded it", job.id))
        }
        _ => Ok(()),
    }
}

/// Checks I2: only a task is completed.
pub(crate) fn judge_completion(new: &Row, entry: &Value) -> Result<(), String> {
    let is_one = entry["ended_by"].is_null() || new.kind.contains('.');
    if is_one { Ok(()) } else { Err(format!("I2: a {} was completed", new.kind)) }
}

/// Checks I2: a late outcome adds status and evidence once to the entry of its lease, if a completion ended it. Returns
/// the entry.
pub(crate) fn judge_late<'a>(token: Option<&str>, old: &Row, new: &'a Row) -> Result<&'a Value, String> {
    if !old.is_like(new) || old.log.len() != new.log.len() {
        return Err("I2: a late outcome changed more than the log".to_owned());
    }
    let differs = |index: &usize| old.log[*index] != new.log[*index];
    let changed: Vec<usize> = (0..new.log.len()).filter(differs).collect();
    let [index] = changed[..] else { return Err(format!("I2: a late outcome changed {} entries", changed.len())) };
    let (before, after) = (&old.log[index], &new.log[index]);
    let rest = |entry: &Value| {
        let mut rest = entry.clone();
        (rest["status"], rest["evidence"]) = (Value::Null, Value::Null);
        rest
    };
    let is_awaited = before["ended_by"] == "completion" && before["evidence"].is_null() && before["status"].is_null();
    if !is_awaited || before["lease"].as_str() != token {
        return Err("I2: a late outcome of an attempt that awaits none".to_owned());
    }
    if rest(before) != rest(after) || after["evidence"].is_null() {
        return Err("I2: a late outcome changed how the attempt ended".to_owned());
    }
    Ok(after)
}

/// Checks I3: an attempt that a completion ended has its evidence, if the worker that sent its request lived to the
/// end.
pub(crate) fn judge_unrecorded(world: &World, row: &Row, lease: &str) -> Result<(), String> {
    let was_sent = world.receiver.seen.borrow().contains_key(&(row.event_id().to_owned(), lease.to_owned()));
    let was_hit = world.leases.borrow().get(lease).is_none_or(|was_hit| was_hit.get());
    if was_sent && !was_hit { Err("I3: the outcome of a healthy worker was lost".into()) } else { Ok(()) }
}
