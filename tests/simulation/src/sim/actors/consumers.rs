//! Consumers that work as the consumer Worker does: the batch, the dead-letter queue and the sweep.

use std::cell::RefCell;
use std::rc::Rc;

use longshore::consume::consume;
use longshore::settings::QueueNames;
use longshore::sweep::{Swept, sweep};

use crate::sim::actors::index_versions;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::queue::{DEAD_HINTS_QUEUE, Delivery, HINTS_QUEUE, TASK_HINTS_QUEUE};
use crate::sim::engine::world::World;

/// Draws the fate of a worker: it may crash at one of its next polls, or stand still from one on.
pub(crate) fn doom(world: &World, crash: Fault) -> Doom {
    let chance = |fault| !world.calm.get() && world.random.per_mille(world.chances.rate(fault));
    let poll = || u32::try_from(world.random.between(1, if world.random.per_mille(500) { 12 } else { 80 })).unwrap();
    Doom {
        crash: chance(crash).then(|| (poll(), crash)),
        freeze: chance(Fault::Freeze).then(|| (poll(), world.random.between(1_000, 60_000))),
    }
}

/// Queues of the deployment.
fn queues() -> QueueNames {
    let name = |variable: &str| match variable {
        "HINTS_QUEUE" => Some(HINTS_QUEUE),
        "EXPRESS_HINTS_QUEUE" => Some("express-hints"),
        "TASK_HINTS_QUEUE" => Some(TASK_HINTS_QUEUE),
        _ => Some(DEAD_HINTS_QUEUE),
    };
    QueueNames::parse(|variable| name(variable).map(str::to_owned)).unwrap()
}

/// Starts a consumer that processes a batch as the Worker does.
pub(crate) fn spawn(world: &Rc<World>, delivery: Rc<Delivery>) {
    let node = Node::anywhere(world);
    let fate = doom(world, Fault::ConsumerCrash);
    node.note_fate(fate);
    world.executor.spawn(fate, async move {
        consume(&node, node.settings(), &queues(), delivery.queue, delivery.messages()).await;
        delivery.returned();
    });
}

/// Report of the last sweep that ended.
pub(crate) type LastSweep = Rc<RefCell<Option<Swept>>>;

/// Starts one sweep.
pub(crate) fn spawn_sweep(world: &Rc<World>, last: &LastSweep) {
    let node = Node::anywhere(world);
    let last = last.clone();
    *last.borrow_mut() = None;
    let fate = doom(world, Fault::SweepCrash);
    node.note_fate(fate);
    world.executor.spawn(fate, async move {
        if let Ok(swept) = sweep(&node, node.settings()).await {
            *last.borrow_mut() = Some(swept);
        }
    });
    if world.index_provider.is_some() {
        index_versions::spawn_clear(world);
    }
}
