//! Erasures: tenants and subjects are erased at any time, while all else goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use longshore::limits::ID_SKEW_MS_MAX;
use longshore::manage::erasures::request_erasure;
use longshore::model::state::State;

use crate::sim::actors::clients::TENANTS;
use crate::sim::actors::consumers::doom;
use crate::sim::actors::operators;
use crate::sim::engine::executor::Doom;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;
use crate::sim::oracle::row::{Name, Row};

/// Whom jobs are about, in schedules with erasures; every third job is about nobody.
pub(crate) const SUBJECTS: [&str; 2] = ["someone", "someone else"];
/// The tenant that may be erased whole. The other one has a schedule whose occurrences are counted.
const ERASED: &str = TENANTS[1];

/// What was asked to be erased, and what left so.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    /// Tenant, subject and time of each erasure, by id.
    asked: BTreeMap<String, (String, Option<String>, i64)>,
    /// When each job was accepted, or the one that it repeats; and whom it is about.
    accepted: BTreeMap<Name, (i64, Option<String>)>,
    /// What left.
    erased: BTreeSet<Name>,
    /// Its event ids.
    events: BTreeSet<String>,
}

impl Erasures {
    /// An erasure was asked for.
    pub(crate) fn asked(&mut self, id: String, tenant: String, subject: Option<String>, at: i64) {
        self.asked.entry(id).or_insert((tenant, subject, at));
    }

    /// A job is there.
    pub(crate) fn inserted(&mut self, now: i64, row: &Row) {
        let first = row.replay_of.as_ref().and_then(|id| self.accepted.get(&(row.tenant.clone(), id.clone())));
        let at = first.map_or(now, |(at, _)| *at);
        self.accepted.insert(row.name(), (at, row.subject.clone()));
    }

    /// I13: a job leaves by an erasure that it is meant by, and not while its worker may write.
    pub(crate) fn left(&mut self, old: &Row) -> Result<(), String> {
        if old.state == State::Running && old.deferred == 0 {
            return Err("I13: erased while it runs".into());
        }
        // The time in its id may be off, so one that is accepted soon afterwards may leave too.
        if !self.is_meant(&old.name(), 2 * ID_SKEW_MS_MAX) {
            return Err("I13: erased, and nobody asked for it".into());
        }
        self.erased.insert(old.name());
        self.events.insert(old.event_id().to_owned());
        Ok(())
    }

    /// Whether a job was accepted before an erasure that it is meant by, or this much after it.
    pub(crate) fn is_meant(&self, name: &Name, after_ms: i64) -> bool {
        let Some((at, subject)) = self.accepted.get(name) else { return false };
        self.asked.values().any(|(tenant, whom, asked_at)| {
            *tenant == name.0 && (whom.is_none() || whom == subject) && *at < asked_at + after_ms
        })
    }

    /// Whether a job was erased.
    pub(crate) fn has(&self, name: &Name) -> bool {
        self.erased.contains(name)
    }

    /// Whether a job with this event id was erased.
    pub(crate) fn has_event(&self, id: &str) -> bool {
        self.events.contains(id)
    }

    /// How many jobs were erased.
    pub(crate) fn count(&self) -> usize {
        self.erased.len()
    }

    /// Whether nothing was erased.
    pub(crate) fn is_empty(&self) -> bool {
        self.erased.is_empty()
    }
}

/// Takes in what was asked for.
pub(crate) fn note_asked(world: &World) {
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

/// I13: no evidence of these jobs is in any object.
pub(crate) fn judge_objects<'a>(world: &World, names: impl Iterator<Item = &'a Name>) -> Result<(), String> {
    let marks: Vec<_> = names.map(|(_, id)| format!("\"job_id\":\"{id}\"")).collect();
    if marks.is_empty() {
        return Ok(());
    }
    for (key, bytes) in world.objects.borrow().iter() {
        let text = String::from_utf8_lossy(bytes);
        if let Some(mark) = marks.iter().find(|mark| text.contains(*mark)) {
            return Err(format!("I13: {mark} was erased and is in {key}"));
        }
    }
    Ok(())
}

/// I13: at the end nothing is left that was accepted before it was to be erased, and no receipt says who it was.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    let invariants = world.invariants.borrow();
    let left = invariants.rows.keys().find(|name| invariants.erasures.is_meant(name, 0));
    if let Some((_, id)) = left {
        return Err(format!("I13: {id} was to be erased and is there"));
    }
    judge_objects(world, invariants.erasures.erased.iter())?;
    let open = world.number("SELECT count(*) FROM erasures WHERE state <> 'done' OR subject NOT LIKE 'sha256:%'");
    if open == 0 { Ok(()) } else { Err("I13: a receipt that names a subject".into()) }
}

/// Whether an erasure is under way.
pub(crate) fn is_open(world: &World) -> bool {
    world.number("SELECT count(*) FROM erasures WHERE state = 'running'") > 0
}

/// Asks for erasures at random times until the world is calm.
pub(crate) async fn erase_on(world: Rc<World>) {
    world.executor.spawn(Doom::default(), come_back(world.clone()));
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
            // One that fails is asked for again at another time, or never.
            let _ = request_erasure(&node, tenant, subject).await;
        });
    }
}

/// A tenant that was erased comes back as a new customer would, while somebody still wants jobs of it.
async fn come_back(world: Rc<World>) {
    while !world.calm.get() || world.orders_open.get() > 0 {
        world.sleep(5_000).await;
        let key = world.callers.borrow()[ERASED].token.id.clone();
        if world.number(&format!("SELECT count(*) FROM api_keys WHERE id = '{key}'")) == 0 {
            // What fails is done at the next time.
            let _ = operators::admit(&Node::new(&world, 0), ERASED).await;
        }
    }
}
