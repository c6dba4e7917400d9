//! Resends: some endpoints keep payloads, and operators resend finished jobs, also twice at once with one key.

use std::collections::BTreeSet;
use std::rc::Rc;

use longshore::manage::resend::{Resent, resend};
use longshore::model::hint::Hint;
use longshore::model::job::JobRef;
use longshore::model::state::{DeadLetterState, State};
use longshore::store::notify::send_hints;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use longshore_conformance::stand::operator;
use tokio::sync::oneshot;

use crate::sim::actors::consumers::doom;
use crate::sim::actors::restorers::epoch_of_the_store;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;
use crate::sim::oracle::invariants::{Invariants, holds};
use crate::sim::oracle::row::Row;

/// Endpoints that keep payloads in schedules with resends; the others keep none.
const KEEPERS: [&str; 2] = ["orders", "secret"];

/// Returns true if a seed has resends: one of 8 seeds, with large payloads, and one of 16, with erasures. Not drawn, so
/// that the other schedules do not change.
pub(crate) fn is_of(seed: u64) -> bool {
    seed % 8 == 7 || seed % 16 == 6
}

/// Returns true if jobs to this endpoint keep their payload.
pub(crate) fn keeps(world: &World, endpoint: &str) -> bool {
    world.has_resends && KEEPERS.contains(&endpoint)
}

/// Checks that a payload stays byte for byte until its job succeeds, and after that if its endpoint keeps payloads.
pub(crate) fn judge(world: &World, old: &Row, new: &Row) -> Result<(), String> {
    let succeeds = new.state == State::Succeeded && old.state != State::Succeeded;
    let left = succeeds && old.payload.is_some() && new.payload.is_none();
    holds!(left || new.payload == old.payload, "I1: the payload of {} changed", new.id);
    if succeeds && old.payload.is_some() {
        let keeps = keeps(world, &new.endpoint);
        // A completion finds no endpoint once its tenant is being erased.
        let is_excused = world.has_erasures && new.kind.contains('.');
        holds!(keeps || left, "F95: {} keeps a payload although its endpoint keeps none", new.id);
        holds!(
            !keeps || !left || is_excused,
            "F95: the payload of {} was deleted although its endpoint keeps payloads",
            new.id
        );
    }
    Ok(())
}

/// Checks that a resent job has the payload of its original, which had finished.
pub(crate) fn judge_insert(original: &Row, new: &Row) -> Result<(), String> {
    let is_finished = matches!(original.state, State::Succeeded | State::Cancelled);
    holds!(is_finished, "I11: {} was resent while it was {:?}", original.id, original.state);
    let said = |row: &Row| {
        let names = [&row.kind, &row.endpoint].map(Clone::clone);
        (names, row.payload.clone(), row.payload_bytes, row.group.clone(), row.subject.clone(), row.max_attempts)
    };
    holds!(said(original) == said(new), "F95: a resent job that differs from {original:?}");
    Ok(())
}

/// Returns true if a row has its whole payload.
fn is_whole(row: &Row) -> bool {
    row.payload.is_some() || row.payload_bytes.is_some() && row.kind != "webhook"
}

/// Resends finished jobs until the world is calm. Two jobs of one event never run at once: the receiver could not tell
/// their requests apart.
async fn resend_repeatedly(world: Rc<World>) {
    // Events with a resend that may still arrive.
    let mut unsure = BTreeSet::new();
    while !world.calm.get() {
        world.sleep(world.random.between(2_000, 15_000)).await;
        let Some((job, event_id)) = choose(&world, &unsure) else { continue };
        let key = world.random.per_mille(500).then(|| format!("resend {}", job.id));
        let hands = if key.is_some() && world.random.per_mille(400) { 2 } else { 1 };
        let asked: Vec<_> = (0..hands).map(|_| ask(&world, &job, key.clone())).collect();
        let mut is_sure = true;
        for answer in asked {
            is_sure &= answer.await.is_ok_and(|is_final| is_final);
        }
        // A caller without an answer repeats its request, if it has a key.
        if !is_sure && key.is_some() {
            let _ = ask(&world, &job, key).await;
        }
        if !is_sure {
            unsure.insert(event_id);
        }
    }
}

/// Chooses a finished job whose event has no open job and no dead letter.
fn choose(world: &World, unsure: &BTreeSet<String>) -> Option<(JobRef, String)> {
    let invariants = world.invariants.borrow();
    let is_open = |row: &&Row| !row.state.is_terminal() || row.dead_state.as_deref() == Some("open");
    let busy: BTreeSet<&str> = invariants.rows.values().filter(is_open).map(Row::event_id).collect();
    let may_be_sent = |row: &&Row| {
        let is_finished = matches!(row.state, State::Succeeded | State::Cancelled);
        is_finished
            && (row.kind == "webhook" || row.kind.contains('.'))
            && !busy.contains(row.event_id())
            && !unsure.contains(row.event_id())
    };
    let mut rows: Vec<_> = invariants.rows.values().filter(may_be_sent).collect();
    // Now and then a job without its payload is chosen.
    if rows.iter().any(|row| is_whole(row)) && world.random.per_mille(900) {
        rows.retain(|row| is_whole(row));
    }
    (!rows.is_empty()).then(|| {
        let row = world.random.pick(&rows);
        (row.name().into(), row.event_id().to_owned())
    })
}

/// Resends a job through one of the producers. Returns true if the request cannot take effect later.
fn ask(world: &Rc<World>, job: &JobRef, key: Option<String>) -> oneshot::Receiver<bool> {
    let (reply, answer) = oneshot::channel();
    let node = Node::new(world, *world.random.pick(&world.producer_clocks));
    let fate = doom(world, Fault::ProducerCrash);
    let (world, job) = (world.clone(), job.clone());
    world.clone().executor.spawn(fate, async move {
        if node.settings().epoch != epoch_of_the_store(&world) {
            let _ = reply.send(true); // Refused, like every request that changes something.
            return;
        }
        let answer = resend(&node, &operator(&node), node.settings(), &job, key.as_deref()).await;
        take(&mut world.invariants.borrow_mut(), &job, key.as_ref(), &answer);
        let is_final = matches!(&answer, Ok(_) | Err(Problem::PayloadGone(_) | Problem::NotFound(_)));
        let _ = reply.send(is_final);
        if let Ok(Resent { row, duplicate: false }) = answer {
            send_hints(&node, node.settings(), vec![Hint::now(row.job(), JobQueue::of(&row.kind))]).await;
        }
    });
    answer
}

/// Checks an answer.
fn take(invariants: &mut Invariants, job: &JobRef, key: Option<&String>, answer: &Result<Resent, Problem>) {
    let name = (job.tenant.clone(), job.id.clone());
    let has_payload = invariants.rows.get(&name).map(is_whole);
    match answer {
        Ok(Resent { row, duplicate }) => {
            invariants.reach(if *duplicate { "a duplicate resend" } else { "a resend" });
            invariants.answered(&job.tenant, key, &row.id);
            if row.replay_of.as_ref() != Some(&job.id) {
                invariants.violated(format!("I5: a resend of {} was answered {row:?}", job.id));
            }
            // A discard frees the key.
            let is_free = row.dead_state == Some(DeadLetterState::Discarded);
            if row.idempotency_key.as_ref() != key && !is_free {
                invariants.violated(format!("I5: a resend with the key {key:?} has another key: {row:?}"));
            }
        }
        Err(Problem::PayloadGone(_)) => {
            invariants.reach("a resend without a payload");
            if has_payload == Some(true) {
                invariants.violated(format!("F95: {} has its payload and is not resent", job.id));
            }
        }
        Err(Problem::NotFound(_)) if has_payload.is_none() => {}
        Err(Problem::Unavailable | Problem::StorageFull | Problem::DailyLimit(_)) => {}
        Err(problem) => invariants.violated(format!("F95: a resend of {} was answered {problem:?}", job.id)),
    }
}

/// Starts the resends of a schedule that has some.
pub(crate) fn start(world: &Rc<World>) {
    world.executor.spawn(Doom::default(), resend_repeatedly(world.clone()));
}
