//! Closes: producers close the group of each tenant, also twice at once, and it makes a webhook job when it finishes.

use std::rc::Rc;

use longshore::manage::groups::{CloseGroup, close_group};
use longshore::model::origin::Origin;
use longshore::store::notify::send_hints;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::sim::actors::clients::TENANTS;
use crate::sim::actors::consumers::doom;
use crate::sim::actors::restorers::epoch_of_the_store;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;
use crate::sim::oracle::invariants::holds;
use crate::sim::oracle::row::Row;

/// Returns true if a seed has closes: one of 4 seeds. Not drawn, so that the other schedules do not change.
pub(crate) fn is_of(seed: u64) -> bool {
    seed % 4 == 2
}

/// Closes the group of a tenant until the world is calm; all but the first close are repeats.
async fn close_repeatedly(world: Rc<World>, tenant: &'static str) {
    while !world.calm.get() {
        world.sleep(world.random.between(5_000, 40_000)).await;
        let hands = world.random.between(1, 2);
        let asked: Vec<_> = (0..hands).map(|_| ask(&world, tenant)).collect();
        for answer in asked {
            let _ = answer.await;
        }
    }
}

fn ask(world: &Rc<World>, tenant: &'static str) -> oneshot::Receiver<()> {
    let (reply, answer) = oneshot::channel();
    let node = Node::new(world, *world.random.pick(&world.producer_clocks));
    let fate = doom(world, Fault::ProducerCrash);
    let world = world.clone();
    world.clone().executor.spawn(fate, async move {
        if node.settings().epoch == epoch_of_the_store(&world) {
            let request: CloseGroup =
                serde_json::from_value(json!({"on_finished": {"endpoint": "orders"}})).expect("a valid request");
            let answer = close_group(&node, tenant, "import", &request, &Origin::default()).await;
            let hint = take(&world, answer.map(|(row, hint)| (row.on_finished.is_some(), hint)));
            send_hints(&node, node.settings(), hint.into_iter().collect()).await;
        }
        let _ = reply.send(());
    });
    answer
}

/// Checks an answer.
fn take<H>(world: &World, answer: Result<(bool, Option<H>), Problem>) -> Option<H> {
    let mut invariants = world.invariants.borrow_mut();
    match answer {
        Ok((true, hint)) => {
            invariants.reach(if hint.is_some() { "a close after the end" } else { "a close" });
            return hint;
        }
        Ok((false, _)) => invariants.violated("F33: a closed group forgot its webhook".to_owned()),
        // Its endpoint is being erased.
        Err(Problem::InvalidRequest(_) | Problem::Unavailable | Problem::DailyLimit(_)) => {}
        Err(problem) => invariants.violated(format!("F33: a close was answered {problem:?}")),
    }
    None
}

/// Checks that the job of a finished group is made after all its jobs have ended.
pub(crate) fn judge_insert(new: &Row) -> Result<(), String> {
    let payload: Value =
        new.payload.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_default());
    if payload["body"]["type"] == "longshore.group.finished" {
        let data = &payload["body"]["data"];
        let count = |name: &str| data[name].as_i64().unwrap_or_default();
        let ended: i64 = ["succeeded", "dead", "replayed", "cancelled"].map(count).iter().sum();
        holds!(ended == count("total"), "F33: a group finished too early: {data}");
        holds!(new.group.is_none(), "F33: a group counts its webhook");
    }
    Ok(())
}

/// Checks F33: each group that was closed and has ended made one job, or none if its endpoint had been deleted.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    let wrong = world.number(
        "SELECT count(*) FROM groups g WHERE g.on_finished IS NOT NULL AND (g.on_finished_job IS NULL
          OR (g.on_finished_error IS NULL) <> EXISTS (
            SELECT 1 FROM jobs j WHERE j.tenant = g.tenant AND j.digest = g.on_finished ->> 'digest' AND j.replay_of IS NULL
            GROUP BY j.tenant HAVING count(*) = 1 AND max(j.id) = g.on_finished_job))",
    );
    // An erasure may have deleted the job, or prevented it.
    if wrong == 0 || !world.invariants.borrow().erasures.is_empty() {
        return Ok(());
    }
    Err(format!("F33: {wrong} finished groups did not make one job"))
}

/// Starts the closes of a schedule that has some.
pub(crate) fn start(world: &Rc<World>) {
    for tenant in TENANTS {
        world.executor.spawn(Doom::default(), close_repeatedly(world.clone(), tenant));
    }
}
