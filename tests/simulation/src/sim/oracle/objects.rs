//! Large payloads: how clients request them, and the checks that rows and objects match at any time.

use longshore::store::objects::{PREFIX, job_of, key};
use serde_json::{Value, json};

use crate::sim::actors::repeats;
use crate::sim::engine::world::World;
use crate::sim::oracle::row::Row;

/// One seed in this many has large payloads; not drawn, so that the other schedules do not change.
pub(crate) const SEEDS_PER_LARGE: u64 = 4;
/// Inline limit in this world: large payloads of a real size would only take time.
pub(crate) const INLINE_BYTES: usize = 160;
/// Prefix of the group of a large job, before its number: the row has no body that contains the number.
const GROUP: &str = "large-";

/// Makes the payload of an order large.
pub(crate) fn enlarge(order: &mut Value, n: i64) {
    order["payload"]["body"] = body_of(n);
    order["group"] = json!(format!("{GROUP}{n}"));
}

/// Number of the job in that group.
pub(crate) fn marker_of(group: &str) -> Option<i64> {
    group.strip_prefix(GROUP)?.parse().ok()
}

fn body_of(n: i64) -> Value {
    json!({"n": n, "pad": format!("{n}-").repeat(INLINE_BYTES)})
}

/// Returns true if these bytes are exactly the requested ones: a webhook's body, or a task's payload around it.
pub(crate) fn is_whole(sent: &[u8], n: i64) -> bool {
    let body = body_of(n);
    [body.to_string(), json!({"body": body}).to_string()].iter().any(|text| text.as_bytes() == sent)
}

/// Checks that the object of a row was stored before the row.
pub(crate) fn judge_insert(world: &World, row: &Row) {
    let Some(bytes) = row.payload_bytes else { return };
    let length = world.objects.borrow().get(&key(&row.name().into())).map(Vec::len);
    if length.and_then(|length| i64::try_from(length).ok()) != Some(bytes) {
        world
            .invariants
            .borrow_mut()
            .violated(format!("I1, F25: {} has no object of {bytes} bytes: {length:?}", row.id));
    }
}

/// Stores an object.
pub(crate) fn store(world: &World, key: String, bytes: Vec<u8>) {
    repeats::judge_put(world, &key);
    world.objects.borrow_mut().insert(key, bytes);
}

/// Deletes objects; their rows must be deleted before.
pub(crate) fn delete(world: &World, keys: &[String]) {
    for name in keys.iter().filter(|name| world.objects.borrow_mut().remove(*name).is_some()) {
        let mut invariants = world.invariants.borrow_mut();
        let job = job_of(name).map(|job| (job.tenant, job.id));
        let is_purged = job.as_ref().is_some_and(|job| invariants.purged.contains(job));
        if job.is_some_and(|job| invariants.rows.contains_key(&job)) {
            invariants.violated(format!("I1, F25: {name} was deleted before its row"));
        }
        invariants.reach(if is_purged { "an object deleted after its row" } else { "an object that never had a row" });
    }
}

/// Returns true if an object has no row.
pub(crate) fn has_orphan(world: &World) -> bool {
    let invariants = world.invariants.borrow();
    let is_orphan = |name: &String| {
        let has_row = |job| invariants.rows.contains_key(&job);
        name.starts_with(PREFIX) && !job_of(name).is_some_and(|job| has_row((job.tenant, job.id)))
    };
    world.objects.borrow().keys().any(is_orphan)
}

/// Checks that in the end each large payload has its object, and no other object exists.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    if has_orphan(world) {
        return Err("F25: an object without a row exists for hours".into());
    }
    let objects = world.objects.borrow();
    let invariants = world.invariants.borrow();
    let lacks = |row: &&Row| row.payload_bytes.is_some() && !objects.contains_key(&key(&row.name().into()));
    invariants.rows.values().find(lacks).map_or(Ok(()), |row| Err(format!("F25: the object of {} is missing", row.id)))
}
