//! A deployment that raises its epoch, as one does before the store is restored: Workers of both epochs run side by side, and
//! nothing moves until an operator says what is to become of the jobs. That the store goes back in time is a drill on
//! workerd; here it stays where it is, so that whatever is lost is lost by the epochs.

use std::rc::Rc;

use longshore::manage::operate::{RestoredJobs, RestoredRequest, restored};

use crate::sim::actors::consumers::doom;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::schedule::SWEEP_EVERY_MS;
use crate::sim::engine::world::World;

/// The epoch that a deployment is raised to; all begins with 0.
pub(crate) const RAISED: usize = 1;

/// The epoch of a Worker that begins now: while a deployment rolls out, some are of the one before.
pub(crate) fn epoch_of_a_worker(world: &World) -> usize {
    if world.rolls.get() && world.random.per_mille(500) { 0 } else { world.deployed.get() }
}

/// The store's epoch.
pub(crate) fn epoch_of_the_store(world: &World) -> i64 {
    world.number("SELECT coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0)")
}

/// Deploys with the next epoch while all goes on, and tells of it when somebody thinks of it.
pub(crate) async fn raise(world: Rc<World>) {
    world.sleep(world.random.between(5_000, 40_000)).await;
    world.deployed.set(RAISED);
    world.rolls.set(true);
    world.sleep(world.random.between(1_000, 20_000)).await;
    world.rolls.set(false);
    while !world.calm.get() {
        world.sleep(world.random.between(1_000, 30_000)).await;
        let hands = if world.random.per_mille(250) { 3 } else { 1 };
        for _ in 0..hands {
            let jobs = if world.random.per_mille(500) { RestoredJobs::Hold } else { RestoredJobs::Resend };
            tell(&world, jobs);
        }
    }
}

/// Tells once what is to become of the jobs. Whatever fails is an operator's everyday life.
fn tell(world: &Rc<World>, jobs: RestoredJobs) {
    let node = Node::anywhere(world);
    let fate = doom(world, Fault::ProducerCrash);
    world.executor.spawn(fate, async move {
        drop(restored(&node, node.settings(), &RestoredRequest { jobs }).await);
    });
}

/// Ends the roll-out while all is calm: the last word is to go on.
pub(crate) fn go_on(world: &Rc<World>) -> Result<(), String> {
    world.deployed.set(RAISED);
    world.rolls.set(false);
    world.executor.spawn(Doom::default(), tell_at_last(world.clone()));
    crate::sim::engine::schedule::run_until(world, world.now() + SWEEP_EVERY_MS)?;
    if epoch_of_the_store(world) == 1 { Ok(()) } else { Err("I14: the store stays in the epoch before".into()) }
}

async fn tell_at_last(world: Rc<World>) {
    let node = Node::new(&world, 0);
    restored(&node, node.settings(), &RestoredRequest { jobs: RestoredJobs::Resend }).await.expect("all is calm");
}

/// I14: what is accepted or claimed is so by a Worker of the store's own epoch.
pub(crate) fn judge(world: &World, epoch: usize, statement: &str) -> Result<(), String> {
    let store = epoch_of_the_store(world);
    if usize::try_from(store) == Ok(epoch) {
        return Ok(());
    }
    Err(format!("I14: a Worker of epoch {epoch} did {statement} in a store of {store}"))
}
