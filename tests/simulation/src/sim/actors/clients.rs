//! Applications that enqueue jobs: they repeat a request until they have an answer, often twice at once.

use std::rc::Rc;

use longshore::accept::authorize::Caller;
use longshore::store::notify::send_hints;
use longshore::wire::problem::Problem;
use longshore::wire::time::rfc3339;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::sim::actors::bulk::UNREAD;
use crate::sim::actors::consumers::doom;
use crate::sim::actors::erasers::SUBJECTS;
use crate::sim::actors::repeats::Answers;
use crate::sim::actors::{indexers, providers, repeats};
use crate::sim::bugs::sabotage::Switch;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;
use crate::sim::oracle::objects;

/// Tenants; both use the same names of endpoints and keys.
pub(crate) const TENANTS: [&str; 2] = ["acme", "bolt"];
/// Endpoints of each tenant: `broken` never works.
pub(crate) const ENDPOINTS: [&str; 4] = ["orders", "quiet", "secret", "broken"];

/// Group of a job that was requested under a key that another body already holds.
pub(crate) const ANOTHER: &str = "another";

/// Requests without faults after which an unanswered application is a violation. An application with an answer stops
/// with a chance of 70 % each time, and 0.3^40 is below 2^-64.
const CALLS_IN_CALM_MAX: u32 = 40;

/// A job that an application wants.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) body: Value,
    pub(crate) key: Option<String>,
}

/// Starts an application that wants `count` jobs in one request; `first` is the number of the first one.
pub(crate) fn spawn(world: &Rc<World>, first: i64, count: i64) {
    let tenant = *world.random.pick(&TENANTS);
    let orders: Vec<Order> = (first..first + count).map(|n| order(world, tenant, n)).collect();
    want(world, tenant, orders);
}

/// Starts an application of each tenant that wants this job.
pub(crate) fn spawn_last(world: &Rc<World>, body: &Value) {
    for tenant in TENANTS {
        want(world, tenant, vec![Order { body: body.clone(), key: None }]);
    }
}

fn want(world: &Rc<World>, tenant: &'static str, orders: Vec<Order>) {
    world.orders_open.update(|open| open + 1);
    let client = client(world.clone(), tenant, orders);
    world.executor.spawn(Doom::default(), client);
}

fn order(world: &World, tenant: &str, n: i64) -> Order {
    let random = &world.random;
    let mut body = json!({"kind": "webhook", "payload": {"body": {"n": n}}});
    if random.per_mille(300) {
        body["kind"] = json!("report.build");
        body["endpoint"] = json!(random.pick(&ENDPOINTS));
    } else if random.per_mille(250) {
        body["payload"]["url"] = json!(format!("https://bare.{tenant}.example.com/hook"));
        body["retry_schedule"] = json!(random.pick(&["fast", "once", "fast", "webhook-standard"]));
    } else {
        body["endpoint"] = json!(random.pick(&ENDPOINTS));
    }
    // Splitting batches makes the counts of groups wrong even without a crash.
    if n % 3 == 0 && !world.has(Switch::SplitsBatches) {
        body["group"] = json!("import");
    }
    if body["kind"] == "webhook" && random.per_mille(500) {
        body["payload"]["timeout_seconds"] = json!(random.between(1, 30));
    }
    if !world.is_long || random.per_mille(500) {
        body["max_attempts"] = json!(random.between(1, if world.is_long { 4 } else { 2 }));
    }
    if world.has_large && n % 3 == 0 {
        objects::enlarge(&mut body, n);
    }
    if world.has_embeds && (n % 4 == 1 || world.poison.wants(n)) {
        providers::make_embedding(world, &mut body, n);
    } else if world.index_provider.is_some() && n % 4 != 0 {
        indexers::make_indexing(world, &mut body, n);
    }
    match random.between(0, 6) {
        0 => body["delay_seconds"] = json!(random.between(1, 150)),
        1 => body["deadline_at"] = json!(rfc3339(world.now() + random.between(30_000, 600_000))),
        _ => {}
    }
    if world.has_erasures {
        let about = usize::try_from(n).ok().and_then(|n| SUBJECTS.get(n % 3));
        body["metadata"] = json!({"subject": about});
    }
    if random.per_mille(250) {
        body["idempotency_window_seconds"] = json!(random.pick(&[30, 120, 20 * 86_400]));
    }
    let mut order = Order { body, key: random.per_mille(700).then(|| format!("key-{n}")) };
    repeats::hurry(world, &mut order, n);
    order
}

async fn client(world: Rc<World>, tenant: &'static str, orders: Vec<Order>) {
    world.sleep(world.random.between(0, 60_000)).await;
    let (mut asked_in_calm, mut patience_ms) = (0, 5_000);
    while asked_in_calm < CALLS_IN_CALM_MAX {
        asked_in_calm += u32::from(world.calm.get());
        let all_keyed = orders.iter().all(|order| order.key.is_some());
        let times = if all_keyed && !world.narrow.quiet && world.random.per_mille(250) {
            world.random.between(2, 3)
        } else {
            1
        };
        let asked: Vec<_> = (0..times).map(|_| ask(&world, tenant, orders.clone())).collect();
        let mut done = false;
        for answer in asked {
            if let Ok(answers) = answer.await
                && !world.hits(Fault::AcceptAnswerLost)
            {
                done |= take(&world, tenant, &orders, answers);
            }
        }
        // A careful application repeats the request although it has an answer; a mistaken one requests something else.
        if done && !world.narrow.quiet && world.random.per_mille(300) {
            another_body(&world, tenant, &orders[0]).await;
        }
        let enough = if world.repeats.come() && !world.calm.get() { 300 } else { 700 };
        if done && (!all_keyed || world.narrow.quiet || world.random.per_mille(enough)) {
            return world.orders_open.update(|open| open - 1);
        }
        world.sleep(world.random.between(500, patience_ms)).await;
        patience_ms = (patience_ms * 2).min(80_000);
    }
    world.invariants.borrow_mut().violated(format!("I5: {orders:?} got no answer, although no fault hits"));
}

/// Sends the request to one of the producers.
fn ask(world: &Rc<World>, tenant: &'static str, orders: Vec<Order>) -> oneshot::Receiver<Answers> {
    let (reply, answer) = oneshot::channel();
    let off_ms = *world.random.pick(&world.producer_clocks);
    let node = Node::new(world, off_ms);
    let caller = Caller { epoch: Some(node.settings().epoch), ..world.callers.borrow()[tenant].clone() };
    let fate = doom(world, Fault::ProducerCrash);
    let world = world.clone();
    world.clone().executor.spawn(fate, async move {
        let answers = repeats::ask(&world, &node, (tenant, &caller), &orders).await;
        let accepted = answers.iter().flatten().flatten();
        let hints = accepted.filter_map(|accepted| accepted.hint.clone()).collect();
        // The answer is sent before the hint.
        let _ = reply.send(answers);
        send_hints(&node, node.settings(), hints).await;
    });
    answer
}

/// Processes an answer; true when the application has all its jobs.
fn take(world: &World, tenant: &str, orders: &[Order], answers: Answers) -> bool {
    let Ok(answers) = answers else { return false };
    let mut invariants = world.invariants.borrow_mut();
    for (answer, order) in answers.into_iter().zip(orders) {
        match answer {
            Ok(accepted) => invariants.answered(tenant, order.key.as_ref(), &accepted.job.id),
            // A new job that is too late, or larger than some producer accepts: the application stops trying.
            Err(Problem::InvalidRequest(_) | Problem::TooLarge(_)) => {}
            Err(Problem::StorageFull | Problem::QuotaReached) => return false,
            Err(problem) if world.has_bulk && problem == UNREAD => return false,
            // Time or an operator freed its key, and another body holds it now.
            Err(Problem::IdempotencyKeyReused) if invariants.was_lost(tenant, order.key.as_ref()) => {}
            Err(problem) => invariants.violated(format!("I5: {order:?} was answered {problem:?}")),
        }
    }
    true
}

/// Repeats the key with another body: refused, unless the key was freed.
async fn another_body(world: &Rc<World>, tenant: &'static str, order: &Order) {
    let Some(key) = &order.key else { return };
    let mut other = order.clone();
    other.body["group"] = json!(ANOTHER);
    if world.invariants.borrow().holder(tenant, key).is_none() {
        return;
    }
    let Ok(Ok(mut answers)) = ask(world, tenant, vec![other]).await else { return };
    if let Some(Ok(accepted)) = answers.pop() {
        let mut invariants = world.invariants.borrow_mut();
        let name = (tenant.to_owned(), accepted.job.id.clone());
        // Its own job is a correct answer, if the key was freed and the other body got it.
        if invariants.rows.get(&name).is_none_or(|row| row.group.as_deref() != Some(ANOTHER)) {
            invariants.violated(format!("I5: another body was answered {}", accepted.job.id));
        }
        invariants.acknowledged.insert(name);
    }
}
