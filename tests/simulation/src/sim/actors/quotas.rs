//! Quotas: operators set and lift them at any time, and the counts must match the accepted jobs.

use std::collections::BTreeMap;
use std::rc::Rc;

use longshore::accept::quotas::put_quota;
use longshore::limits::DAY_MS;
use longshore::ports::{Param, Statement};
use longshore_conformance::stand::operator;
use serde_json::{Value, json};

use crate::sim::actors::clients::TENANTS;
use crate::sim::actors::consumers::doom;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;
use crate::sim::oracle::audit::Change;
use crate::sim::oracle::row::{Name, Row};

/// Statements that write to the table of quotas.
const WRITERS: [&str; 5] = ["put_quota", "create_key", "count_quota", "erase_quotas", "erase_keys"];
/// Quota of every key in jobs a day: never reached, always counted.
pub(crate) const JOBS_PER_KEY: u32 = 10_000;

/// A row of the table: jobs a day, the day that was counted last, and its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    jobs_per_day: Option<i64>,
    day: i64,
    jobs: i64,
}

impl Quota {
    fn jobs_on(self, day: i64) -> i64 {
        if self.day == day { self.jobs } else { 0 }
    }
}

/// Quotas after the last batch that changed them, by key and tenant.
#[derive(Debug, Default)]
pub(crate) struct Quotas(BTreeMap<(String, String), Quota>);

fn read(world: &World) -> Quotas {
    let connection = world.database.connection();
    let mut question = connection.prepare_cached("SELECT key_id, tenant, jobs_per_day, day, jobs FROM quotas").unwrap();
    let mut rows = question.query([]).unwrap();
    let mut quotas = Quotas::default();
    while let Some(row) = rows.next().unwrap() {
        let quota = Quota { jobs_per_day: row.get(2).unwrap(), day: row.get(3).unwrap(), jobs: row.get(4).unwrap() };
        quotas.0.insert((row.get(0).unwrap(), row.get(1).unwrap()), quota);
    }
    quotas
}

/// Checks F53: each job is counted once against the quotas in force, and no job is accepted once a quota is reached.
pub(crate) fn judge(
    world: &World,
    known: &BTreeMap<Name, Row>,
    statements: &[Statement],
    changes: &[Change],
) -> Result<(), String> {
    if !statements.iter().any(|statement| WRITERS.contains(&statement.name)) {
        return Ok(());
    }
    let after = read(world);
    let before = world.quotas.replace(after);
    let (after, day) = (world.quotas.borrow(), world.now() / DAY_MS);
    let asking = requesting_key(statements);
    for ((key, tenant), quota) in before.0.iter().filter(|(_, quota)| quota.jobs_per_day.is_some()) {
        let is_new = |change: &&Change| {
            let is_bound = key.is_empty() || Some(key) == asking.as_ref();
            change.statement == "accept" && change.new.is_some() && change.name.0 == *tenant && is_bound
        };
        let new = i64::try_from(changes.iter().filter(is_new).count()).unwrap();
        let Some(counted) = after.0.get(&(key.clone(), tenant.clone())) else { continue };
        let (was, is) = (quota.jobs_on(day), counted.jobs_on(day));
        if is != was + new {
            return Err(format!(
                "F53: {new} jobs of {tenant} were added to {was}, and {is} are counted for key {key:?}"
            ));
        }
        // A request is accepted whole, even if that takes two tries: jobs inserted by the first try are allowed.
        let own = requested_jobs(statements).filter(|id| known.contains_key(&(tenant.clone(), id.clone()))).count();
        if new > 0 && quota.jobs_per_day.is_some_and(|most| was - i64::try_from(own).unwrap() >= most) {
            return Err(format!("F53: {new} jobs of {tenant} were accepted beyond {quota:?}"));
        }
    }
    Ok(())
}

/// One parameter of each accept, as JSON.
fn accept_parameter(statements: &[Statement], at: usize) -> impl Iterator<Item = Value> {
    let accepts = statements.iter().filter(|statement| statement.name == "accept");
    accepts.filter_map(move |accept| match accept.params.get(at) {
        Some(Param::Text(text)) => serde_json::from_str(text).ok(),
        _ => None,
    })
}

/// Ids of the jobs to accept.
fn requested_jobs(statements: &[Statement]) -> impl Iterator<Item = String> {
    let jobs = accept_parameter(statements, 0).filter_map(|jobs| jobs.as_array().cloned()).flatten();
    jobs.filter_map(|job| job["id"].as_str().map(str::to_owned))
}

/// API key of the request.
fn requesting_key(statements: &[Statement]) -> Option<String> {
    accept_parameter(statements, 1).find_map(|asks| asks["key"].as_str().map(str::to_owned))
}

/// Sets quotas at random times until the world is calm, then lifts them.
pub(crate) async fn set_repeatedly(world: Rc<World>) {
    while !world.calm.get() {
        world.sleep(world.random.between(2_000, 20_000)).await;
        let most = world.random.per_mille(700).then(|| world.random.between(1, 8));
        let tenant = *world.random.pick(&TENANTS);
        set(&world, tenant, most);
    }
    world.executor.spawn(Doom::default(), lift(world.clone()));
}

/// Sets a quota. Failures are allowed.
fn set(world: &Rc<World>, tenant: &'static str, most: Option<i64>) {
    let node = Node::anywhere(world);
    let fate = doom(world, Fault::ProducerCrash);
    world.executor.spawn(fate, async move {
        drop(put_quota(&node, &operator(&node), tenant, json!({"jobs_per_day": most}).to_string().as_bytes()).await);
    });
}

async fn lift(world: Rc<World>) {
    let node = Node::new(&world, 0);
    // A request in transit may arrive after the first lift.
    for _ in 0..3 {
        for tenant in TENANTS {
            put_quota(&node, &operator(&node), tenant, b"{}").await.expect("all is calm");
        }
        world.sleep(40_000).await;
    }
}
