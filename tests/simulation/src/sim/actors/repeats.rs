//! Repeats: applications repeat requests after the times in them have passed, to producers whose settings have changed
//! since, and with the JSON members in another order.

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

/// One seed in this many has late repeats. Not drawn, so that the other schedules do not change.
const SEEDS_PER_REPEAT: u64 = 5;

pub(crate) type Answers = Result<Vec<Result<Accepted, Problem>>, Problem>;

/// State of the late repeats of a schedule.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// Settings of some producers: no large payloads and no provider. `None`: no late repeats.
    narrow: Option<Settings>,
    /// Ids of jobs that were refused if new.
    refused: RefCell<BTreeSet<String>>,
}

impl Repeats {
    /// Late repeats of a seed.
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

    /// Returns true if the schedule has late repeats.
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

/// Writes a body as some client would.
fn spelled(world: &World, body: &Value) -> String {
    match body {
        Value::Object(_) if world.repeats.come() && world.random.per_mille(500) => {
            // A task's payload is sent and compared as it was written.
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

/// Writes the last member first, with spaces around.
fn backwards(object: &Value, written: &dyn Fn(&str, &Value) -> String) -> String {
    let members = object.as_object().into_iter().flatten().rev();
    let members = members.map(|(name, value)| format!(" {} :\t{}", json!(name), written(name, value)));
    format!("{{{}\n}}", members.collect::<Vec<_>>().join(","))
}

/// Requests jobs from a producer and checks its answers.
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

/// Writes an order as a line of a bulk request, which has its key inside.
fn line_of(order: &Order) -> String {
    let mut body = order.body.clone();
    if let Some(key) = &order.key {
        body["idempotency_key"] = json!(key);
    }
    body.to_string()
}

/// Requests jobs in one body that is read at once.
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
    // Sorted as the accept sorts, so that the noted ids are those that it would put objects under.
    in_order(checked.iter_mut().flatten());
    note_refused(world, node, tenant, checked.iter().flatten()).await;
    accept_checked(node, settings, caller, checked).await
}

/// Job that holds the key of an order.
fn holder(world: &World, tenant: &str, order: &Order) -> Option<String> {
    let invariants = world.invariants.borrow();
    invariants.holder(tenant, order.key.as_ref()?).map(|row| row.id.clone())
}

/// Returns true for the problems that refuse only a new job.
fn is_refusal(problem: &Problem) -> bool {
    use Problem::{InvalidRequest, QuotaReached, StorageFull, TooLarge};
    matches!(problem, InvalidRequest(_) | TooLarge(_) | StorageFull | QuotaReached)
}

/// Notes which jobs are refused if new: no object may be put for them.
async fn note_refused(world: &World, node: &Node, tenant: &str, jobs: impl IntoIterator<Item = &NewJob>) {
    for job in jobs.into_iter().map(|job| json!(job)).filter(|job| !job["refused_if_new"].is_null()) {
        let Some(id) = job["id"].as_str() else { continue };
        world.repeats.refused.borrow_mut().insert(id.to_owned());
        world.invariants.borrow_mut().reach("a job that is refused if new");
        if world.has(Switch::PutsRefused) {
            drop(put(node, &JobRef { tenant: tenant.to_owned(), id: id.to_owned() }, b"{}").await);
        }
    }
}

/// Checks F72: no object is put for a refused job.
pub(crate) fn judge_put(world: &World, key: &str) {
    if job_of(key).is_some_and(|job| world.repeats.refused.borrow().contains(&job.id)) {
        world.invariants.borrow_mut().violated(format!("F72: {key} is put for a refused job"));
    }
}
