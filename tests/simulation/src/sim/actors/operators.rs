//! Operators, who act at random times.

use std::rc::Rc;

use longshore::accept::authorize::Caller;
use longshore::manage::endpoints::{EndpointChange, change_endpoint, put_endpoint, rotate_secret};
use longshore::manage::keys::create_key;
use longshore::manage::operate::{cancel, discard, replay, retry_now, set_paused};
use longshore::model::hint::Hint;
use longshore::model::job::JobRef;
use longshore::model::origin::Origin;
use longshore::security::key::parse;
use longshore::store::notify::send_hints;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use longshore_conformance::stand::operator;
use serde_json::json;

use crate::sim::actors::clients::{ENDPOINTS, TENANTS};
use crate::sim::actors::consumers::doom;
use crate::sim::actors::index_versions::LIMITS;
use crate::sim::actors::quotas::JOBS_PER_KEY;
use crate::sim::actors::restorers::epoch_of_the_store;
use crate::sim::actors::{completers, index_versions, resenders, tickers};
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;

/// Creates the tenants, keys, endpoints and indexes before anything is enqueued. Called while no fault hits.
pub(crate) async fn set_up(world: Rc<World>) {
    let node = Node::new(&world, 0);
    for tenant in TENANTS {
        admit(&node, tenant).await.unwrap();
    }
    if let Some(provider) = world.index_provider {
        for tenant in TENANTS {
            index_versions::put(&node, tenant, provider, LIMITS[0]).await.unwrap();
        }
    }
    if world.has_schedules {
        tickers::put_all(&node, false).await.unwrap();
    }
}

/// Gives a tenant its key and its endpoints.
pub(crate) async fn admit(node: &Node, tenant: &str) -> Result<(), Problem> {
    let most = node.world.has_quotas.then_some(JOBS_PER_KEY);
    let body = json!({"tenant": tenant, "scopes": ["jobs:write"], "name": "", "jobs_per_day": most}).to_string();
    let key = create_key(node, &operator(node), None, body.as_bytes()).await?;
    let token = parse(&key.token).unwrap();
    for endpoint in ENDPOINTS {
        put(node, tenant, endpoint).await?;
    }
    node.world
        .callers
        .borrow_mut()
        .insert(tenant.to_owned(), Caller { token, tenant: None, epoch: Some(0), origin: Origin::default() });
    Ok(())
}

/// Creates or changes an endpoint.
async fn put(node: &Node, tenant: &str, endpoint: &str) -> Result<(), Problem> {
    let random = &node.world.random;
    let schedule = *random.pick(&["fast", "fast", "fast", "once", "once", "webhook-standard"]);
    let evidence = match endpoint {
        "quiet" => "failures",
        "secret" => "none",
        _ => "full",
    };
    let url = format!("https://{endpoint}.{tenant}.example.com/hook");
    let body = json!({
        "url": url, "schedule": schedule, "evidence": evidence, "timeout_seconds": random.between(1, 30),
        "connections": 1 + endpoint.bytes().map(usize::from).sum::<usize>() % 5,
        "keep_payload": resenders::keeps(&node.world, endpoint),
    });
    put_endpoint(node, &operator(node), node.settings(), tenant, endpoint, body.to_string().as_bytes()).await.map(drop)
}

/// Acts at random times until the world is calm.
pub(crate) async fn act_repeatedly(world: Rc<World>) {
    index_versions::spawn_changes(&world);
    while !world.calm.get() {
        world.sleep(world.random.between(2_000, 40_000)).await;
        if world.calm.get() {
            break;
        }
        let what = world.random.between(0, 13);
        let Some(job) = world.any_job((2..=5).contains(&what)) else { continue };
        if what == 13 {
            completers::spawn_stranger(&world, &job);
            continue;
        }
        // The same action, now and then by several operators at once.
        let hands = if world.random.per_mille(250) { 3 } else { 1 };
        for _ in 0..hands {
            let node = Node::new(&world, *world.random.pick(&world.producer_clocks));
            let fate = doom(&world, Fault::ProducerCrash);
            world.executor.spawn(fate, act(node, job.clone(), what));
        }
    }
}

async fn act(node: Node, job: JobRef, what: i64) {
    let world = node.world.clone();
    if node.settings().epoch != epoch_of_the_store(&world) {
        return; // Refused, like every request that changes something.
    }
    let settings = node.settings();
    let endpoint = *world.random.pick(&ENDPOINTS);
    world.trace.note(world.now(), "operator", || format!("{what} {} {endpoint}", job.id));
    let operator = operator(&node);
    let change = |change| change_endpoint(&node, &operator, &job.tenant, endpoint, change);
    // Refusals and failures are allowed.
    match what {
        0 => drop(cancel(&node, &operator, settings, &job).await),
        1 => {
            if let Ok(row) = retry_now(&node, &operator, &job).await {
                send_hints(&node, settings, vec![Hint::now(job, JobQueue::of(&row.kind))]).await;
            }
        }
        2..=4 => {
            if let Ok(successor) = replay(&node, &operator, settings, &job, None).await {
                world.invariants.borrow_mut().answered(&job.tenant, None, &successor.id);
                send_hints(&node, settings, vec![Hint::now(successor.job(), JobQueue::of(&successor.kind))]).await;
            }
        }
        5 => drop(discard(&node, &operator, &job, Some("enough".into())).await),
        6 => drop(change(EndpointChange::Pause).await),
        7 => drop(change(EndpointChange::Resume).await),
        8 => drop(set_paused(&node, &operator, true).await),
        9 => drop(set_paused(&node, &operator, false).await),
        10 => drop(change(EndpointChange::Delete).await),
        11 => drop(put(&node, &job.tenant, endpoint).await),
        _ => drop(rotate_secret(&node, &operator, node.settings(), &job.tenant, endpoint).await),
    }
}

/// Resumes the deployment and all endpoints, after the faults have stopped.
pub(crate) fn resume_all(world: &Rc<World>) {
    let node = Node::new(world, 0);
    world.executor.spawn(Doom::default(), async move {
        set_paused(&node, &operator(&node), false).await.unwrap();
        for (tenant, endpoint) in TENANTS.iter().flat_map(|tenant| ENDPOINTS.map(|endpoint| (tenant, endpoint))) {
            match change_endpoint(&node, &operator(&node), tenant, endpoint, EndpointChange::Resume).await {
                Ok(()) | Err(Problem::NotFound(_)) => {} // A deleted endpoint stays deleted.
                Err(problem) => panic!("{problem:?}"),
            }
        }
    });
}
