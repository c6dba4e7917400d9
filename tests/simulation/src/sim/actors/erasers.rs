//! Erasures: tenants and subjects are erased at any time, while everything else continues.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use longshore::limits::ID_SKEW_MS_MAX;
use longshore::manage::erasures::request_erasure;
use longshore::model::state::State;
use longshore_conformance::stand::operator;

use crate::sim::actors::clients::TENANTS;
use crate::sim::actors::consumers::doom;
use crate::sim::actors::operators;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;
use crate::sim::oracle::row::{Name, Row};

/// Subjects of jobs, in schedules with erasures; every third job has no subject.
pub(crate) const SUBJECTS: [&str; 2] = ["someone", "someone else"];
/// Tenant that may be erased whole. The other one has a schedule whose occurrences are counted.
const ERASED: &str = TENANTS[1];

/// Erasures that were requested, and the jobs that they deleted.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    /// Tenant, subject and time of each erasure, by id.
    asked: BTreeMap<String, (String, Option<String>, i64)>,
    /// Time when each job, or the original of a replay, was accepted, and its subject.
    accepted: BTreeMap<Name, (i64, Option<String>)>,
    /// Erased jobs.
    erased: BTreeSet<Name>,
    /// Event ids of the erased jobs.
    events: BTreeSet<String>,
}

impl Erasures {
    /// Notes an erasure that was requested.
    pub(crate) fn asked(&mut self, id: String, tenant: String, subject: Option<String>, at: i64) {
        self.asked.entry(id).or_insert((tenant, subject, at));
    }

    /// Notes a job that was inserted.
    pub(crate) fn inserted(&mut self, now: i64, row: &Row) {
        let first = row.replay_of.as_ref().and_then(|id| self.accepted.get(&(row.tenant.clone(), id.clone())));
        let at = first.map_or(now, |(at, _)| *at);
        self.accepted.insert(row.name(), (at, row.subject.clone()));
    }

    /// Checks I13: a job is deleted only by an erasure that covers it, and not while its worker may write.
    pub(crate) fn left(&mut self, old: &Row) -> Result<(), String> {
        if old.state == State::Running && old.deferred == 0 {
            return Err("I13: erased while it runs".into());
        }
        // The time in its id may be off, so a job accepted soon afterwards may be erased too.
        if !self.is_covered(&old.name(), 2 * ID_SKEW_MS_MAX) {
            return Err("I13: erased without a request".into());
        }
        self.erased.insert(old.name());
        self.events.insert(old.event_id().to_owned());
        Ok(())
    }

    /// Returns true if a job was accepted before an erasure that covers it, or at most `after_ms` after it.
    pub(crate) fn is_covered(&self, name: &Name, after_ms: i64) -> bool {
        let Some((at, subject)) = self.accepted.get(name) else { return false };
        self.asked.values().any(|(tenant, whom, requested_at)| {
            *tenant == name.0 && (whom.is_none() || whom == subject) && *at < requested_at + after_ms
        })
    }

    /// Returns true if a job was erased.
    pub(crate) fn has(&self, name: &Name) -> bool {
        self.erased.contains(name)
    }

    /// Returns true if a job with this event id was erased.
    pub(crate) fn has_event(&self, id: &str) -> bool {
        self.events.contains(id)
    }

    /// Number of erased jobs.
    pub(crate) fn count(&self) -> usize {
        self.erased.len()
    }

    /// Returns true if nothing was erased.
    pub(crate) fn is_empty(&self) -> bool {
        self.erased.is_empty()
    }
}

/// Notes the erasures that the database has accepted.
pub(crate) fn note_requested(world: &World) {
    let connection = world.database.connection();
    let mut question =
        connection.prepare_cached("SELECT id, tenant, subject, created_at FROM erasures WHERE state = 'running'");
    let question = question.as_mut().unwrap();
    let mut rows = question.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (id, tenant, subject, at) =
            (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap());
        world.invariants.borrow_mut().erasures.asked(id, tenant, subject, at);
    }
}

/// Checks I13: no object holds evidence of these jobs.
pub(crate) fn judge_objects<'a>(world: &World, names: impl Iterator<Item = &'a Name>) -> Result<(), String> {
    let references: Vec<_> = names.map(|(_, id)| format!("\"job_id\":\"{id}\"")).collect();
    if references.is_empty() {
        return Ok(());
    }
    for (key, bytes) in world.objects.borrow().iter() {
        let text = String::from_utf8_lossy(bytes);
        if let Some(reference) = references.iter().find(|it| text.contains(*it)) {
            return Err(format!("I13: {reference} was erased and is in {key}"));
        }
    }
    Ok(())
}

/// Checks I13: at the end no job is left that an erasure covers, and no receipt names its subject.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    let invariants = world.invariants.borrow();
    let left = invariants.rows.keys().find(|name| invariants.erasures.is_covered(name, 0));
    if let Some((_, id)) = left {
        return Err(format!("I13: {id} should be erased and still exists"));
    }
    judge_objects(world, invariants.erasures.erased.iter())?;
    let open = world.number("SELECT count(*) FROM erasures WHERE state <> 'done' OR subject NOT LIKE 'sha256:%'");
    if open == 0 { Ok(()) } else { Err("I13: a receipt that names a subject".into()) }
}

/// Returns true if an erasure is under way.
pub(crate) fn is_open(world: &World) -> bool {
    world.number("SELECT count(*) FROM erasures WHERE state = 'running'") > 0
}

/// Requests erasures at random times until the world is calm.
pub(crate) async fn erase_repeatedly(world: Rc<World>) {
    world.executor.spawn(Doom::default(), admit_again(world.clone()));
    while !world.calm.get() {
        world.sleep(world.random.between(5_000, 60_000)).await;
        if world.calm.get() {
            break;
        }
        let whole = world.random.per_mille(250);
        let tenant = if whole { ERASED } else { *world.random.pick(&TENANTS) };
        let subject = (!whole).then(|| *world.random.pick(&SUBJECTS));
        let node = Node::new(&world, *world.random.pick(&world.producer_clocks));
        let fate = doom(&world, Fault::ProducerCrash);
        world.executor.spawn(fate, async move {
            // A failed request is repeated at another time, or never.
            let _ = request_erasure(&node, &operator(&node), tenant, subject).await;
        });
    }
}

/// Admits an erased tenant again, as a new customer, while some application still wants jobs of it.
async fn admit_again(world: Rc<World>) {
    while !world.calm.get() || world.orders_open.get() > 0 {
        world.sleep(5_000).await;
        let key = world.callers.borrow()[ERASED].token.id.clone();
        if world.number(&format!("SELECT count(*) FROM api_keys WHERE id = '{key}'")) == 0 {
            // The next round repeats a failed admission.
            let _ = operators::admit(&Node::new(&world, 0), ERASED).await;
        }
    }
}
