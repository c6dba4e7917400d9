//! Exports: a tenant is exported in steps while everything else continues, and the lines are compared with the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use longshore::accept::authorize::Caller;
use longshore::limits::plan::Plan;
use longshore::manage::export::{ExportStep, TenantExport};
use longshore::security::key::Scope;
use longshore::wire::problem::Problem;
use serde_json::Value;

use crate::sim::actors::clients::TENANTS;
use crate::sim::actors::consumers::doom;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;

/// Calls of one request, so few that an export takes several requests, and most of them that may read the evidence of
/// one job.
const CALLS: usize = 30;
const EVIDENCE: usize = 20;

/// Exports tenants now and then.
pub(crate) async fn export_repeatedly(world: Rc<World>) {
    while !world.calm.get() {
        world.sleep(world.random.between(5_000, 40_000)).await;
        let tenant: &&str = world.random.pick(&TENANTS);
        spawn(&world, tenant);
    }
}

/// Exports a tenant; a producer that crashes leaves the export unfinished.
pub(crate) fn spawn(world: &Rc<World>, tenant: &'static str) {
    let node = Node::anywhere(world);
    let fate = doom(world, Fault::ProducerCrash);
    let world = world.clone();
    world.clone().executor.spawn(fate, async move {
        let before = known(&world, tenant);
        let is_calm = world.calm.get();
        match export(&node, tenant).await {
            Ok(text) => {
                world.invariants.borrow_mut().reach("an export that ended");
                if let Err(wrong) = judge(&world, tenant, &before, &text) {
                    world.invariants.borrow_mut().violated(format!("the export of {tenant}: {wrong}"));
                }
            }
            // The tenant was erased with its keys.
            Err(Problem::Unauthenticated(_)) if world.has_erasures => {}
            Err(problem) if is_calm => {
                world.invariants.borrow_mut().violated(format!("the export of {tenant} failed in calm: {problem:?}"));
            }
            Err(_) => {}
        }
    });
}

/// Exports all tenants after the faults have stopped.
pub(crate) fn spawn_last(world: &Rc<World>) {
    for tenant in TENANTS {
        spawn(world, tenant);
    }
}

async fn export(node: &Node, tenant: &str) -> Result<String, Problem> {
    let settings = node.settings();
    let caller = Caller { epoch: Some(settings.epoch), ..node.world.callers.borrow()[tenant].clone() };
    let plan = Plan { export_calls: CALLS, export_evidence: EVIDENCE, ..settings.plan };
    let (mut text, mut from) = (String::new(), None);
    loop {
        let has_indexes = node.world.index_provider.is_some();
        let mut export =
            TenantExport::new(tenant.to_owned(), caller.clone(), Scope::JobsWrite, plan, has_indexes, from);
        from = loop {
            match Box::pin(export.step(node)).await? {
                ExportStep::Text(piece) => text.push_str(&piece),
                ExportStep::Spent(position) => break Some(position),
                ExportStep::Whole => return Ok(text),
            }
        };
    }
}

/// Jobs of a tenant.
fn known(world: &World, tenant: &str) -> BTreeSet<String> {
    let invariants = world.invariants.borrow();
    invariants.rows.keys().filter(|(owner, _)| owner == tenant).map(|(_, id)| id.clone()).collect()
}

/// Checks that each line is JSON of this tenant, that each job that exists before and after is in the export once, and
/// that it has no more attempts than the ledger.
fn judge(world: &World, tenant: &str, before: &BTreeSet<String>, text: &str) -> Result<(), String> {
    let mut jobs: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).map_err(|error| format!("{error} in {line}"))?;
        if line["type"] != "job" {
            continue;
        }
        let id = line["id"].as_str().ok_or("a job without an id")?.to_owned();
        if line["tenant"] != tenant {
            return Err(format!("{id} is of {}", line["tenant"]));
        }
        // A running attempt may be released, which deletes its entry.
        let ended = |attempts: &Vec<Value>| attempts.iter().filter(|attempt| attempt["state"] != "running").count();
        let attempts = line["attempt_log"].as_array().map_or(0, ended);
        if jobs.insert(id.clone(), attempts).is_some() {
            return Err(format!("{id} is in the export twice"));
        }
    }
    let invariants = world.invariants.borrow();
    for id in before {
        let row = invariants.rows.get(&(tenant.to_owned(), id.clone()));
        match (row, jobs.get(id)) {
            (Some(_), None) => return Err(format!("{id} is missing")),
            (Some(row), Some(attempts)) if *attempts > row.log.len() => {
                return Err(format!("{id} has {attempts} attempts in the export and {} in the ledger", row.log.len()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Starts the exports of a schedule that has some.
pub(crate) fn start(world: &Rc<World>) {
    world.executor.spawn(Doom::default(), export_repeatedly(world.clone()));
}
