//! Those who took a task over and say later how it ended: late, twice, or never.

use std::rc::Rc;

use longshore::complete::complete;
use longshore::flush::send_hints;
use longshore::job::JobRef;
use longshore::outcome::{ErrorClass, Outcome};
use serde_json::json;

use super::consumers::doom;
use super::executor::Doom;
use super::faults::Fault;
use super::ports::Node;
use super::world::World;

/// Starts whoever completes that attempt of a job.
pub(super) fn spawn(world: &Rc<World>, id: &str, attempt: Option<u32>) {
    let hands = match world.random.between(0, 9) {
        0 => 0,
        1 => 2,
        _ => 1,
    };
    let fails = world.random.per_mille(250);
    for _ in 0..hands {
        let (owner, id) = (world.clone(), id.to_owned());
        world.executor.spawn(Doom::default(), async move { ask(&owner, &id, attempt, fails).await });
    }
}

/// Asks one of the producers until it answers.
async fn ask(world: &Rc<World>, id: &str, attempt: Option<u32>, fails: bool) {
    world.sleep(world.random.between(10, 300_000)).await;
    for _ in 0..5 {
        let named = |(_, name): &&(String, String)| name == id;
        let found = world.invariants.borrow().rows.keys().find(named).cloned();
        let Some(name) = found else { return };
        let node = Node::new(world, *world.random.pick(&world.producer_clocks));
        let fate = doom(world, Fault::ProducerCrash);
        world.executor.spawn(fate, tell(node, JobRef::from(name), attempt, fails));
        world.sleep(world.random.between(10_000, 60_000)).await;
    }
}

async fn tell(node: Node, job: JobRef, attempt: Option<u32>, fails: bool) {
    let settings = &node.world.settings;
    let outcome = if fails {
        Outcome::Failed { class: ErrorClass::Provider, message: "no".into(), retry_after: None }
    } else {
        Outcome::Succeeded { result: Some(json!({})) }
    };
    if let Ok((row, retry)) = complete(&node, settings, &job, attempt, outcome).await {
        if !fails {
            node.world.invariants.borrow_mut().completed(&row);
        }
        send_hints(&node, settings, retry.into_iter().collect()).await;
    }
}
