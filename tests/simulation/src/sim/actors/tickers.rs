//! Schedules: ticks that are early, late, doubled or missing, of producers whose clocks are off and that may stop
//! anywhere.

use std::rc::Rc;

use longshore::model::hint::Hint;
use longshore::model::origin::Origin;
use longshore::schedules::fire::tick;
use longshore::schedules::manage::{put_schedule, run_schedule};
use longshore::store::notify::send_hints;
use longshore::wire::problem::Problem;
use longshore_conformance::stand::operator;
use serde_json::json;

use crate::sim::actors::clients::TENANTS;
use crate::sim::actors::consumers::doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;

/// Schedule that runs every minute without exception: no occurrence is missed.
const EVERY: &str = "every-minute";
/// Schedule that skips an occurrence while the job before is open.
pub(crate) const ALONE: &str = "alone";
/// Time between two occurrences of [`EVERY`], in milliseconds.
const OCCURRENCE_MS: i64 = 60_000;

/// Creates the schedules, or puts them again unchanged.
pub(crate) async fn put_all(node: &Node, paused: bool) -> Result<(), Problem> {
    for (tenant, id, overlap, catch_up) in [(TENANTS[0], EVERY, "allow", "all"), (TENANTS[1], ALONE, "skip", "latest")]
    {
        let payload = json!({"url": format!("https://bare.{tenant}.example.com/hook"), "timeout_seconds": 5, "body": {"n": 1_000}});
        let body = json!({
            "cron": "* * * * *", "time_zone": "America/New_York", "kind": "webhook", "payload": payload, "overlap": overlap,
            "catch_up": catch_up, "paused": paused, "max_attempts": 2, "retry_schedule": "fast",
        });
        put_schedule(node, &operator(node), node.settings(), tenant, id, body.to_string().as_bytes()).await?;
    }
    Ok(())
}

/// Ticks about once a minute until the world is calm.
pub(crate) async fn tick_repeatedly(world: Rc<World>) {
    while !world.calm.get() {
        world.sleep(world.random.between(10_000, 100_000)).await;
        let times = match world.random.between(0, 9) {
            0..=1 => 0,
            2..=6 => 1,
            _ => 2,
        };
        for _ in 0..times {
            spawn_tick(&world);
        }
        if world.random.per_mille(200) && !world.calm.get() {
            let node = Node::new(&world, *world.random.pick(&world.producer_clocks));
            let fate = doom(&world, Fault::ProducerCrash);
            world.executor.spawn(fate, async move {
                // Failures are allowed.
                if node.world.random.per_mille(500) {
                    let _ = put_all(&node, false).await;
                } else if let Ok(run) =
                    run_schedule(&node, &operator(&node), TENANTS[0], EVERY, Some("again"), &Origin::default()).await
                {
                    let name = (run.job.tenant.clone(), run.job.id.clone());
                    node.world.invariants.borrow_mut().acknowledged.insert(name);
                    if !run.duplicate {
                        send_hints(&node, node.settings(), vec![Hint::now(run.job, run.queue)]).await;
                    }
                }
            });
        }
    }
}

/// Starts one tick.
pub(crate) fn spawn_tick(world: &Rc<World>) {
    let node = Node::new(world, *world.random.pick(&world.producer_clocks));
    let fate = doom(world, Fault::ProducerCrash);
    world.executor.spawn(fate, async move {
        // The next tick continues where this one stopped.
        let _ = tick(&node, node.settings()).await;
    });
}

/// Returns true if an occurrence in the past is not decided yet.
pub(crate) fn is_behind(world: &World) -> bool {
    let due = format!("SELECT count(*) FROM schedules WHERE next_at <= {}", world.now());
    world.number(&due) > 0
}

/// Checks I8: each occurrence of [`EVERY`] has its job.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    let ask = |what: &str| world.number(&format!("SELECT {what} FROM schedules WHERE id = '{EVERY}'"));
    let (made, decided) = (ask("created_at"), ask("last_occurrence"));
    if decided <= world.now() - 2 * OCCURRENCE_MS {
        return Err(format!("I8: decided up to {decided} only"));
    }
    let occurrences = &world.invariants.borrow().occurrences;
    let has = |occurrence: &i64| occurrences.contains(&(TENANTS[0].to_owned(), EVERY.to_owned(), *occurrence));
    let first = (made / OCCURRENCE_MS + 1) * OCCURRENCE_MS;
    let all = (0..).map(|n| first + n * OCCURRENCE_MS).take_while(|occurrence| *occurrence <= decided);
    match all.into_iter().find(|occurrence| !has(occurrence)) {
        Some(occurrence) => {
            Err(format!("I8: no job for the occurrence {occurrence}, although all are decided up to {decided}"))
        }
        None => Ok(()),
    }
}

/// Pauses the schedules, after the faults have stopped.
pub(crate) async fn pause_all(world: Rc<World>) {
    let node = Node::new(&world, 0);
    put_all(&node, true).await.expect("all is calm");
}
