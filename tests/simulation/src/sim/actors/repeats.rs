//! Repeats: applications ask again for what they have when its times have passed, of a deployment whose settings have changed
//! since, and in another order of members.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use longshore::accept::accepted::Accepted;
use longshore::accept::authorize::Caller;
use longshore::accept::request::{NewJob, check, in_order};
use longshore::accept::results::accept_checked;
use longshore::limits::plan::PAID;
use longshore::model::job::JobRef;
use longshore::settings::Settings;
use longshore::store::objects::{job_of, put};
use longshore::wire::problem::Problem;
use longshore::wire::time::rfc3339;
use serde_json::{Value, json};

use crate::sim::actors::bulk;
use crate::sim::actors::clients::Order;
use crate::sim::bugs::sabotage::Switch;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;
use crate::sim::oracle::objects::INLINE_BYTES;
use longshore_kit::options::MASTER_KEY;

/// One of so many seeds has repeats that come late; not drawn, so that the others are played as they were.
const SEEDS_PER_REPEAT: u64 = 5;

pub(crate) type Answers = Result<Vec<Result<Accepted, Problem>>, Problem>;

/// What a schedule knows of late repeats.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// What some of its producers are deployed with: no large payloads, and no provider. `None`: nobody repeats late.
    narrow: Option<Settings>,
    /// The ids of jobs that were refused unless they were there.
    refused: RefCell<BTreeSet<String>>,
}

impl Repeats {
    /// The repeats of a seed.
    pub(crate) fn of(seed: u64, is_quiet: bool) -> Repeats {
        let mut repeats = Repeats::default();
        if seed % SEEDS_PER_REPEAT == 1 && !is_quiet {
            let get = |name: &str| match name {
                "MASTER_KEY" => Some(MASTER_KEY.to_owned()),
                "PLAN" => Some(PAID.name.to_owned()),
                _ => None,
            };
            let mut narrow = Settings::parse(get).unwrap();
            (narrow.plan.payload_inline_bytes, narrow.plan.payload_bytes_max) = (INLINE_BYTES, INLINE_BYTES);
            repeats.narrow = Some(narrow);
        }
        repeats
    }

    /// Whether there are some.
    pub(crate) fn come(&self) -> bool {
        self.narrow.is_some()
    }
}

/// Gives an order times that pass soon, and a key.
pub(crate) fn hurry(world: &World, order: &mut Order, n: i64) {
    if !world.repeats.come() {
        return;
    }
    let random = &world.random;
    let later = |from, to| json!(rfc3339(world.now() + random.between(from, to)));
    order.key = Some(format!("key-{n}"));
    let Value::Object(body) = &mut order.body else { return };
    for name in ["delay_seconds", "deadline_at", "run_after"] {
        body.remove(name);
    }
    match random.between(0, 4) {
        0 => drop(body.insert("deadline_at".into(), later(5_000, 90_000))),
        1 => {
            body.insert("delay_seconds".into(), json!(random.between(1, 30)));
            body.insert("deadline_at".into(), later(40_000, 120_000));
        }
        2 => drop(body.insert("run_after".into(), later(-40_000, 60_000))),
        _ => {}
    }
}

/// A body as some client writes it.
fn spelled(world: &World, body: &Value) -> String {
    match body {
        Value::Object(_) if world.repeats.come() && world.random.per_mille(500) => {
            // A task's payload is sent as it was written, and compared with that.
            let is_ours = body["kind"] != "report.build";
            backwards(body, &|name, value| {
                if is_ours && name == "payload" { backwards(value, &plainly) } else { plainly(name, value) }
            })
        }
        _ => body.to_string(),
    }
}

fn plainly(_name: &str, value: &Value) -> String {
    value.to_string()
}

/// The last member first, with space around.
fn backwards(object: &Value, written: &dyn Fn(&str, &Value) -> String) -> String {
    let members = object.as_object().into_iter().flatten().rev();
    let members = members.map(|(name, value)| format!(" {} :\t{}", json!(name), written(name, value)));
    format!("{{{}\n}}", members.collect::<Vec<_>>().join(","))
}

/// Asks a producer for jobs, and judges what it answers.
pub(crate) async fn ask(
    world: &Rc<World>,
    node: &Node,
    (tenant, caller): (&str, &Caller),
    orders: &[Order],
) -> Answers {
    let holders: Vec<_> = orders.iter().map(|order| holder(world, tenant, order)).collect();
    let answers = if world.has_bulk && orders.len() > 1 {
        world.invariants.borrow_mut().reach("a bulk request");
        let lines: Vec<_> = orders.iter().map(line_of).collect();
        bulk::ask(node, node.settings(), caller, &lines).await
    } else {
        ask_at_once(world, node, (tenant, caller), orders).await
    };
    for ((order, before), at) in orders.iter().zip(holders).zip(0..) {
        let answer = match &answers {
            Ok(answers) => answers.get(at).and_then(|answer| answer.as_ref().err()),
            Err(problem) => Some(problem),
        };
        let is_held = before.is_some() && before == holder(world, tenant, order);
        if let (true, Some(refusal)) = (is_held, answer.filter(|problem| is_refusal(problem))) {
            let text = format!("I5: {order:?} has a job, {before:?}, and was refused: {refusal:?}");
            world.invariants.borrow_mut().violated(text);
        }
    }
    answers
}

/// An order as a line of a bulk request, which has its own key.
fn line_of(order: &Order) -> String {
    let mut body = order.body.clone();
    if let Some(key) = &order.key {
        body["idempotency_key"] = json!(key);
    }
    body.to_string()
}

/// Asks for jobs in one body that is read at once.
async fn ask_at_once(world: &Rc<World>, node: &Node, (tenant, caller): (&str, &Caller), orders: &[Order]) -> Answers {
    let is_changed = !world.calm.get() && world.repeats.come() && world.random.per_mille(250);
    let settings = world.repeats.narrow.as_ref().filter(|_| is_changed).unwrap_or(node.settings());
    let checked = |(index, order): (usize, &Order)| {
        let text = spelled(world, &order.body);
        let with = |key| check(node, settings, text.as_bytes(), index, key);
        if world.has(Switch::RefusesAtOnce) {
            with(None)?;
        }
        with(order.key.clone())
    };
    let mut checked: Vec<_> = orders.iter().enumerate().map(checked).collect();
    // As the accept does at once, so that what is noted are the ids that it would put objects under.
    in_order(checked.iter_mut().flatten());
    note_refused(world, node, tenant, checked.iter().flatten()).await;
    accept_checked(node, settings, caller, checked).await
}

/// The job that holds the key of an order.
fn holder(world: &World, tenant: &str, order: &Order) -> Option<String> {
    let invariants = world.invariants.borrow();
    invariants.holder(tenant, order.key.as_ref()?).map(|row| row.id.clone())
}

/// Whether it refuses a job that is new, and none else.
fn is_refusal(problem: &Problem) -> bool {
    use Problem::{InvalidRequest, QuotaReached, StorageFull, TooLarge};
    matches!(problem, InvalidRequest(_) | TooLarge(_) | StorageFull | QuotaReached)
}

/// Notes which jobs are refused if they are new: nothing of them is ever put.
async fn note_refused(world: &World, node: &Node, tenant: &str, jobs: impl IntoIterator<Item = &NewJob>) {
    for job in jobs.into_iter().map(|job| json!(job)).filter(|job| !job["refused_if_new"].is_null()) {
        let Some(id) = job["id"].as_str() else { continue };
        world.repeats.refused.borrow_mut().insert(id.to_owned());
        world.invariants.borrow_mut().reach("a job that is refused if it is new");
        if world.has(Switch::PutsRefused) {
            drop(put(node, &JobRef { tenant: tenant.to_owned(), id: id.to_owned() }, b"{}").await);
        }
    }
}

/// F72: no object is put for a job that is refused.
pub(crate) fn judge_put(world: &World, key: &str) {
    if job_of(key).is_some_and(|job| world.repeats.refused.borrow().contains(&job.id)) {
        world.invariants.borrow_mut().violated(format!("F72: {key} is put for a job that is refused"));
    }
}
