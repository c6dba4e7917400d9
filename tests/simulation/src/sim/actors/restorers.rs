//! A deployment that raises its epoch, as before a restore of the store. Workers of both epochs run side by side, and
//! no job moves until an operator decides what happens to the jobs. The store does not go back in time here (a drill on
//! workerd tests that), so any loss is caused by the epochs.

use std::rc::Rc;

use longshore::manage::operate::{RestoredJobs, RestoredRequest, restored};
use longshore_conformance::stand::operator;

use crate::sim::actors::consumers::doom;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::schedule::SWEEP_EVERY_MS;
use crate::sim::engine::world::World;

/// Epoch that the deployment is raised to; every schedule begins with 0.
pub(crate) const RAISED: usize = 1;

/// Epoch of a Worker that starts now: during a roll-out, some have the epoch before.
pub(crate) fn epoch_of_a_worker(world: &World) -> usize {
    if world.rolls.get() && world.random.per_mille(500) { 0 } else { world.deployed.get() }
}

/// Epoch of the store.
pub(crate) fn epoch_of_the_store(world: &World) -> i64 {
    world.number("SELECT coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0)")
}

/// Deploys with the next epoch while everything else continues, and confirms the restore some time later.
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
            confirm(&world, jobs);
        }
    }
}

/// Sends one decision about the jobs. Failures are allowed.
fn confirm(world: &Rc<World>, jobs: RestoredJobs) {
    let node = Node::anywhere(world);
    let fate = doom(world, Fault::ProducerCrash);
    world.executor.spawn(fate, async move {
        drop(restored(&node, &operator(&node), node.settings(), &RestoredRequest { jobs }).await);
    });
}

/// Ends the roll-out after the faults have stopped: the last decision is to continue.
pub(crate) fn resume(world: &Rc<World>) -> Result<(), String> {
    world.deployed.set(RAISED);
    world.rolls.set(false);
    world.executor.spawn(Doom::default(), confirm_resend(world.clone()));
    crate::sim::engine::schedule::run_until(world, world.now() + SWEEP_EVERY_MS)?;
    if epoch_of_the_store(world) == 1 { Ok(()) } else { Err("I14: the store keeps the epoch before".into()) }
}

async fn confirm_resend(world: Rc<World>) {
    let node = Node::new(&world, 0);
    restored(&node, &operator(&node), node.settings(), &RestoredRequest { jobs: RestoredJobs::Resend })
        .await
        .expect("all is calm");
}

/// Checks I14: only a Worker with the epoch of the store accepts and claims.
pub(crate) fn judge(world: &World, epoch: usize, statement: &str) -> Result<(), String> {
    let store = epoch_of_the_store(world);
    if usize::try_from(store) == Ok(epoch) {
        return Ok(());
    }
    Err(format!("I14: a Worker of epoch {epoch} ran {statement} in a store of epoch {store}"))
}
