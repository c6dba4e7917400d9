//! Consumers as the consumer Worker is one: the batch, the dead-letter queue and the sweep.

use std::cell::RefCell;
use std::rc::Rc;

use longshore::manage::operate::wake;
use longshore::model::hint::{UnreadableHint, decode};
use longshore::model::job::JobRef;
use longshore::run::process::{process, process_suspects};
use longshore::sweep::{Swept, sweep};

use crate::sim::actors::generations;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::queue::Delivery;
use crate::sim::engine::world::World;

/// Draws what will happen to a worker: it may crash at any of its next polls, or stand still from one on.
pub(crate) fn doom(world: &World, crash: Fault) -> Doom {
    let chance = |fault| !world.calm.get() && world.random.per_mille(world.chances.rate(fault));
    let poll = || u32::try_from(world.random.between(1, if world.random.per_mille(500) { 12 } else { 80 })).unwrap();
    Doom {
        crash: chance(crash).then(|| (poll(), crash)),
        freeze: chance(Fault::Freeze).then(|| (poll(), world.random.between(1_000, 60_000))),
    }
}

/// The jobs of all hints but those of another version, which are let go.
fn jobs_of(texts: &[String]) -> Vec<JobRef> {
    let read = |text: &String| match decode(text) {
        Ok(jobs) => jobs,
        Err(UnreadableHint::UnknownVersion) => Vec::new(),
        Err(UnreadableHint::Undecodable) => panic!("a hint that is none: {text}"),
    };
    texts.iter().flat_map(read).collect()
}

/// A consumer takes a batch: it runs the jobs, acknowledges, then runs the suspects among them.
pub(crate) fn spawn(world: &Rc<World>, delivery: Delivery) {
    let node = Node::anywhere(world);
    let fate = doom(world, Fault::ConsumerCrash);
    node.awaits(fate);
    world.executor.spawn(fate, async move {
        let settings = node.settings();
        let lane = delivery.lane();
        let report = process(&node, settings, lane, jobs_of(&delivery.texts())).await;
        if report.limit.is_some() {
            return delivery.ack(); // The sweep finds the jobs after midnight.
        }
        if report.database_lost {
            return; // All come again.
        }
        delivery.ack();
        process_suspects(&node, settings, lane, &report.unclaimed).await;
    });
}

/// A consumer of the platform's dead-letter queue makes jobs looked at.
pub(crate) fn spawn_dead(world: &Rc<World>, text: String) {
    let node = Node::anywhere(world);
    let fate = doom(world, Fault::ConsumerCrash);
    world.executor.spawn(fate, async move {
        // When it fails the message comes again; here the sweep alone must do.
        let _ = wake(&node, &jobs_of(&[text])).await;
    });
}

/// What the last sweep that came to its end did.
pub(crate) type LastSweep = Rc<RefCell<Option<Swept>>>;

/// The sweep, once.
pub(crate) fn spawn_sweep(world: &Rc<World>, last: &LastSweep) {
    let node = Node::anywhere(world);
    let last = last.clone();
    *last.borrow_mut() = None;
    let fate = doom(world, Fault::SweepCrash);
    node.awaits(fate);
    world.executor.spawn(fate, async move {
        if let Ok(swept) = sweep(&node, node.settings()).await {
            *last.borrow_mut() = Some(swept);
        }
    });
    if world.index_provider.is_some() {
        generations::spawn_clear(world);
    }
}
