//! Actions on all jobs that a filter selects: operators create, pause, resume and abort them, and ticks take their steps, several at
//! once, while producers stop anywhere.

use std::rc::Rc;

use longshore::manage::actions::request::ActionRequest;
use longshore::manage::actions::steps::{drive, tick};
use longshore::manage::actions::{ActionChange, change_action, create, list_actions};
use longshore::wire::invalid::read;
use longshore_conformance::stand::operator;
use serde_json::{Value, json};

use crate::sim::actors::clients::{ENDPOINTS, TENANTS};
use crate::sim::actors::consumers::doom;
use crate::sim::actors::restorers::epoch_of_the_store;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;

/// One of so many seeds has actions. Not drawn, so that the other schedules do not change.
const SEEDS_PER_ACTIONS: u64 = 4;

/// Returns true if a seed has actions.
pub(crate) fn is_of(seed: u64) -> bool {
    seed % SEEDS_PER_ACTIONS == 1
}

/// Acts at random times until the world is calm.
async fn act_repeatedly(world: Rc<World>) {
    while !world.calm.get() {
        world.sleep(world.random.between(3_000, 20_000)).await;
        let tenant = *world.random.pick(&TENANTS);
        let what = world.random.between(0, 9);
        match what {
            0..=4 => spawn_request(&world, tenant, body_of(&world)),
            5..=7 => spawn_tick(&world),
            8 => spawn_change(&world, tenant, ActionChange::Pause),
            _ => spawn_change(&world, tenant, ActionChange::Resume),
        }
        if world.random.per_mille(300) {
            spawn_tick(&world);
        }
        if world.random.per_mille(50) {
            spawn_change(&world, tenant, ActionChange::Abort);
        }
    }
}

fn body_of(world: &World) -> Value {
    let random = &world.random;
    let verb = *random.pick(&["replay", "replay", "replay", "retry", "cancel", "discard"]);
    let filter = if random.per_mille(300) { json!({"endpoint": random.pick(&ENDPOINTS)}) } else { json!({}) };
    let mut body = json!({"do": verb, "filter": filter});
    if verb == "replay" || verb == "retry" {
        if random.per_mille(300) {
            body["canary"] = json!(1);
            body["canary_seconds"] = json!(random.between(20, 200));
        }
        if random.per_mille(300) {
            body["rate_per_second"] = json!(1);
        }
        body["include_retrying"] = json!(verb == "replay" && random.per_mille(400));
    }
    body
}

fn spawn_request(world: &Rc<World>, tenant: &'static str, body: Value) {
    let node = Node::new(world, *world.random.pick(&world.producer_clocks));
    let fate = doom(world, Fault::ProducerCrash);
    world.executor.spawn(fate, async move {
        if node.settings().epoch != epoch_of_the_store(&node.world) {
            return; // Refused, like every request that changes something.
        }
        let plan = read::<ActionRequest>(body.to_string().as_bytes(), "#").unwrap().check().unwrap();
        if let Ok(row) = create(&node, &operator(&node), tenant, &plan).await {
            drive(&node, node.settings(), row).await;
        }
    });
}

/// Starts one tick.
fn spawn_tick(world: &Rc<World>) {
    let node = Node::new(world, *world.random.pick(&world.producer_clocks));
    let fate = doom(world, Fault::ProducerCrash);
    world.executor.spawn(fate, async move {
        // The next tick continues where this one stopped.
        let _ = tick(&node, node.settings()).await;
    });
}

/// Changes the newest action of a tenant.
fn spawn_change(world: &Rc<World>, tenant: &'static str, change: ActionChange) {
    let node = Node::new(world, *world.random.pick(&world.producer_clocks));
    let fate = doom(world, Fault::ProducerCrash);
    world.executor.spawn(fate, async move {
        if node.settings().epoch != epoch_of_the_store(&node.world) {
            return;
        }
        let newest = list_actions(&node, tenant, None, None, 1).await.ok().and_then(|mut rows| rows.pop());
        if let Some(row) = newest {
            // Refusals and failures are allowed.
            let _ = change_action(&node, &operator(&node), tenant, &row.id, change).await;
        }
    });
}

/// Starts the actions of a schedule that has some.
pub(crate) fn start(world: &Rc<World>) {
    world.executor.spawn(Doom::default(), act_repeatedly(world.clone()));
}

/// Events that schedules must reach, and how many of them an action has reached.
const EVENTS: [(&str, &str); 5] = [
    ("an action that is done", "SELECT count(*) FROM actions WHERE state = 'done' AND done > 0"),
    ("an action of several steps", "SELECT count(*) FROM actions WHERE step > 1"),
    ("an action that is aborted", "SELECT count(*) FROM actions WHERE state = 'aborted'"),
    ("a canary that passed", "SELECT count(*) FROM actions WHERE canary_state = 'passed'"),
    ("a canary that failed", "SELECT count(*) FROM actions WHERE canary_state IN ('failed', 'ignored')"),
];

/// Continues all actions, after the faults have stopped. Returns true if one has not ended.
pub(crate) fn go_on(world: &Rc<World>) -> bool {
    let paused = world.number("SELECT count(*) FROM actions WHERE state = 'paused'");
    let open = world.number("SELECT count(*) FROM actions WHERE state IN ('running', 'paused')");
    for (event, sql) in EVENTS {
        if world.number(sql) > 0 {
            world.invariants.borrow_mut().reach(event);
        }
    }
    if paused > 0 {
        let node = Node::new(world, 0);
        world.executor.spawn(Doom::default(), async move {
            for tenant in TENANTS {
                for row in list_actions(&node, tenant, Some("paused".to_owned()), None, 100).await.unwrap() {
                    // Another task may have resumed or erased it.
                    let _ = change_action(&node, &operator(&node), tenant, &row.id, ActionChange::Resume).await;
                }
            }
        });
    }
    if open > 0 {
        spawn_tick(world);
    }
    open > 0
}

/// Checks I17: a finished replay has passed over no dead letter and has replayed none that died after it; and an action counts the
/// jobs that its steps have handled.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    let later = world.number(
        "SELECT count(*) FROM jobs j JOIN actions a ON a.tenant = j.tenant AND a.id = j.action
          JOIN jobs o ON o.tenant = j.tenant AND o.id = j.replay_of
          WHERE a.verb = 'replay' AND o.finished_at > a.created_at",
    );
    if later > 0 {
        return Err(format!("I17: {later} dead letters were replayed by an action that is older"));
    }
    if world.has_erasures {
        return Ok(()); // Jobs that are erased leave their actions.
    }
    let passed = world.number(
        "SELECT count(*) FROM actions a JOIN jobs j ON j.tenant = a.tenant AND j.dead_state = 'open'
            AND j.finished_at <= a.created_at AND j.payload_bytes IS NULL
          WHERE a.verb = 'replay' AND a.state = 'done' AND a.filter = '{}'",
    );
    if passed > 0 {
        return Err(format!("I17: {passed} dead letters were passed over by an action"));
    }
    let wrong = world.number(
        "SELECT count(*) FROM actions a WHERE a.verb <> 'cancel' AND a.done <>
          (SELECT coalesce(sum(json_array_length(s.jobs)), 0) FROM action_steps s WHERE s.tenant = a.tenant AND s.action = a.id)",
    );
    if wrong > 0 {
        return Err(format!("I17: {wrong} actions count other jobs than their steps"));
    }
    let lost = world.number(
        "SELECT count(*) FROM jobs j WHERE j.action IS NOT NULL AND NOT EXISTS (SELECT 1 FROM action_steps s, json_each(s.jobs) i
          WHERE s.tenant = j.tenant AND s.action = j.action AND i.value = j.id)",
    );
    if lost > 0 { Err(format!("I17: {lost} jobs of actions are in none of their steps")) } else { Ok(()) }
}
