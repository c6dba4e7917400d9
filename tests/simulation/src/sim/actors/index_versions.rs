//! Operators that change the chunk limits of an index while everything else continues: a new index version replaces the
//! old.

use std::rc::Rc;

use longshore::index::clear::clear;
use longshore::index::manage::put_index;
use longshore::search::chunk::ChunkLimits;
use longshore::wire::problem::Problem;
use longshore_conformance::stand::operator;
use serde_json::json;

use crate::sim::actors::clients::TENANTS;
use crate::sim::actors::consumers::doom;
use crate::sim::actors::indexers::{INDEX, SEEDS_PER_INDEX};
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;

/// Chunk limits: with the first, a section is one chunk or a few; with the second, always one.
pub(crate) const LIMITS: [ChunkLimits; 2] =
    [ChunkLimits { chars_max: 200, overlap_chars: 60 }, ChunkLimits { chars_max: 700, overlap_chars: 0 }];

/// Most rounds in which dropped index versions must be deleted.
const CLEARS_MAX: usize = 200;

/// Creates the index of a tenant, or changes it so that it is rebuilt.
pub(crate) async fn put(node: &Node, tenant: &str, provider: &str, limits: ChunkLimits) -> Result<(), Problem> {
    let body = json!({
        "provider": provider, "chunk_chars": limits.chars_max, "overlap_chars": limits.overlap_chars,
    });
    put_index(node, &operator(node), node.settings(), tenant, INDEX, body.to_string().as_bytes()).await.map(drop)
}

/// Returns true if the indexes of a seed are chunked again: in half of the schedules with an index, for either
/// provider.
pub(crate) fn is_rechunked(seed: u64) -> bool {
    seed / SEEDS_PER_INDEX % 4 >= 2
}

/// Starts an operator who changes indexes, if the schedule has one.
pub(crate) fn spawn_changes(world: &Rc<World>) {
    if let Some(provider) = world.index_provider.filter(|_| world.is_rechunked) {
        world.executor.spawn(Doom::default(), change_repeatedly(world.clone(), provider));
    }
}

/// Changes indexes at random times until the world is calm, now and then several times at once. Failures are allowed.
async fn change_repeatedly(world: Rc<World>, provider: &'static str) {
    loop {
        world.sleep(world.random.between(2_000, 20_000)).await;
        if world.calm.get() {
            return;
        }
        let tenant = *world.random.pick(&TENANTS);
        let hands = if world.random.per_mille(250) { 3 } else { 1 };
        for _ in 0..hands {
            let (node, limits) = (Node::anywhere(&world), *world.random.pick(&LIMITS));
            let fate = doom(&world, Fault::ProducerCrash);
            world.executor.spawn(fate, async move { drop(put(&node, tenant, provider, limits).await) });
        }
    }
}

/// Deletes one batch of dropped index versions, as each sweep does.
pub(crate) fn spawn_clear(world: &Rc<World>) {
    let node = Node::anywhere(world);
    let fate = doom(world, Fault::SweepCrash);
    world.executor.spawn(fate, async move { drop(clear(&node).await) });
}

/// Deletes all dropped index versions, after the faults have stopped.
pub(crate) fn clear_all(world: &Rc<World>) -> Result<(), String> {
    let dropped = "SELECT count(*) FROM index_versions WHERE dropped_at IS NOT NULL";
    let left = || -> i64 { world.index().connection().query_row(dropped, [], |row| row.get(0)).unwrap() };
    for _ in 0..CLEARS_MAX {
        if left() == 0 {
            return Ok(());
        }
        let node = Node::anywhere(world);
        world.executor.spawn(Doom::default(), async move { clear(&node).await.unwrap() });
        crate::sim::engine::schedule::run_until(world, world.now() + 1_000)?;
    }
    Err(format!("F57: {} dropped index versions are never deleted", left()))
}
