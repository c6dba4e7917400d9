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

/// A completion that is on its way this long before it is due comes in time.
const SOON_MS: i64 = 10_000;

/// Starts whoever completes that attempt of a job, which is due in so many seconds: in time and well, unless a fault of
/// destinations hits.
pub(super) fn spawn(world: &Rc<World>, id: &str, attempt: Option<u32>, due_in: i64) {
    let is_late = world.hits(Fault::HttpHang);
    let fails = world.hits(Fault::Http500);
    let hands = match world.random.between(0, 9) {
        0 if is_late => 0,
        1 if !world.narrow.quiet => 2,
        _ => 1,
    };
    let most = if is_late { 600_000 } else { due_in * 1_000 - SOON_MS };
    for _ in 0..hands {
        let (owner, id) = (world.clone(), id.to_owned());
        let wait = world.random.between(10, most);
        world.executor.spawn(Doom::default(), async move { ask(&owner, &id, attempt, (fails, wait)).await });
    }
}

/// Asks one of the producers until it answers.
async fn ask(world: &Rc<World>, id: &str, attempt: Option<u32>, (fails, wait): (bool, i64)) {
    world.sleep(wait).await;
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
    let settings = node.settings();
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
