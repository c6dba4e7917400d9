//! The world: everything that exists once, and the trace of all that happens in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use longshore::authorize::Caller;
use longshore::job::JobRef;
use longshore::limits::PAID;
use longshore::ports::{DatabaseError, Rows, Statement};
use longshore::settings::Settings;

use super::audit::{self, Change};
use super::executor::{Call, Executor};
use super::faults::{Chances, Fault};
use super::invariants::Invariants;
use super::plan::Narrow;
use super::queue::Queue;
use super::random::Random;
use super::receiver::Receiver;
use super::sabotage::{Bug, Switch};
use crate::options::MASTER_KEY;
use crate::sqlite::SqliteDatabase;

/// The world of one schedule.
pub(super) struct World {
    pub(super) executor: Executor,
    pub(super) random: Random,
    pub(super) chances: Chances,
    pub(super) database: Rc<SqliteDatabase>,
    pub(super) queue: Queue,
    pub(super) receiver: Receiver,
    pub(super) objects: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(super) invariants: RefCell<Invariants>,
    pub(super) trace: Trace,
    pub(super) settings: Settings,
    pub(super) bug: Option<&'static Bug>,
    pub(super) narrow: Narrow,
    /// Calls to any port.
    pub(super) operations: Cell<u64>,
    /// The lease tokens that workers claimed under, and whether something befell that worker.
    pub(super) leases: RefCell<BTreeMap<String, Rc<Cell<bool>>>>,
    /// Callers by tenant.
    pub(super) callers: RefCell<BTreeMap<String, Caller>>,
    /// Callers that wait for an answer.
    pub(super) orders_open: Cell<usize>,
    /// How far each producer's clock is off.
    pub(super) producer_clocks: [i64; 2],
    /// Whether a worker of this schedule may stand still.
    pub(super) may_freeze: bool,
    /// No fault hits any more.
    pub(super) calm: Cell<bool>,
    /// All is over: what is dropped from now on has no consequences.
    pub(super) ended: Cell<bool>,
}

impl World {
    pub(super) fn now(&self) -> i64 {
        self.executor.now()
    }

    /// Whether this fault hits now; if so it is counted.
    pub(super) fn hits(&self, fault: Fault) -> bool {
        let hit = !self.calm.get() && self.random.per_mille(self.chances.rate(fault));
        if hit {
            self.executor.tally.hit(fault);
            self.trace.note(self.now(), "fault", || format!("{fault:?}"));
        }
        hit
    }

    /// Whether the planted bug is this switch.
    pub(super) fn has(&self, switch: Switch) -> bool {
        self.bug.is_some_and(|bug| bug.switch == Some(switch))
    }

    pub(super) async fn sleep(&self, ms: i64) {
        Call::new(self, (ms.max(0), 0), false, |_| ()).await;
    }

    /// What a batch does to the database, at this very moment.
    pub(super) fn run_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.database.clock().set(self.now());
        let mut changes: Vec<Change> = Vec::new();
        let mut count = self.database.connection().total_changes();
        let answer = self.database.run(statements, &mut |connection, statement| {
            if connection.total_changes() != count {
                changes.extend(audit::take(connection, statement)?);
                count = connection.total_changes();
            }
            Ok(())
        });
        let name = statements.first().map_or("", |statement| statement.name);
        self.trace.note(self.now(), name, || {
            let moved: Vec<_> = changes.iter().map(change_text).collect();
            format!("{} {answer:?}", moved.join(" "))
        });
        match &answer {
            Ok(_) => {
                let mut invariants = self.invariants.borrow_mut();
                for change in changes {
                    self.trace.note(self.now(), change.statement, || change_text(&change));
                    let lease = change.old.as_ref().and_then(|row| row.lease_token.as_ref());
                    let is_well = |lease| self.leases.borrow().get(lease).is_some_and(|befell| !befell.get());
                    let is_well = lease.is_some_and(is_well);
                    invariants.observe(self.now(), change, is_well, &self.receiver);
                }
                if statements.iter().any(|statement| statement.name == "move_mark") {
                    invariants.mark_moved(self.number("SELECT value FROM meta WHERE name = 'mark'"));
                }
            }
            Err(error) => self.invariants.borrow_mut().violated(format!("the database refused {name}: {error}")),
        }
        answer
    }

    /// What a batch would answer, had it been committed.
    pub(super) fn rehearse_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.database.clock().set(self.now());
        self.database.rehearse(statements)
    }

    /// One number that a question beside the port has for an answer.
    pub(super) fn number(&self, sql: &str) -> i64 {
        let connection = self.database.connection();
        let mut question = connection.prepare_cached(sql).unwrap();
        question.query_row([], |row| row.get::<_, Option<i64>>(0)).unwrap().unwrap_or(i64::MAX)
    }

    /// A random job, if there is one.
    pub(super) fn any_job(&self) -> Option<JobRef> {
        let invariants = self.invariants.borrow();
        let names: Vec<_> = invariants.rows.keys().collect();
        (!names.is_empty()).then(|| JobRef::from((*self.random.pick(&names)).clone()))
    }

    /// What a broken order of things has done so far.
    pub(super) fn violation(&self) -> Option<String> {
        self.invariants.borrow().violation.clone()
    }
}

fn change_text(change: &Change) -> String {
    let text = |row: &Option<super::row::Row>| {
        row.as_ref().map_or("-".to_owned(), |row| format!("{}#{}", row.state.name(), row.attempt))
    };
    let row = change.new.as_ref().or(change.old.as_ref());
    let id = row.map_or("", |row| row.id.as_str());
    format!("{id} {}->{}", text(&change.old), text(&change.new))
}

/// The settings of every node.
pub(super) fn settings() -> Settings {
    Settings::parse(|name| match name {
        "MASTER_KEY" => Some(MASTER_KEY.to_owned()),
        "PLAN" => Some(PAID.name.to_owned()),
        _ => None,
    })
    .unwrap()
}

/// All that happened, as a digest, and as text where somebody wants to read it.
#[derive(Debug, Default)]
pub(super) struct Trace {
    digest: Cell<u64>,
    /// Whether lines are printed.
    pub(super) prints: Cell<bool>,
}

impl Trace {
    pub(super) fn note(&self, now: i64, what: &str, detail: impl FnOnce() -> String) {
        let mut digest = self.digest.get() ^ now.unsigned_abs();
        for byte in what.bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest.set(digest);
        if self.prints.get() {
            let mut line = format!("{:>11} {what} {}", now - super::schedule::START_MS, detail());
            line.truncate(line.floor_char_boundary(400));
            println!("{line}");
        }
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest.get()
    }
}
