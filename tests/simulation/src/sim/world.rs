//! The world: everything that exists once, and the trace of all that happens in it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use longshore::accept::authorize::Caller;
use longshore::limits::MARK_LAG_MS;
use longshore::limits::plan::PAID;
use longshore::model::job::JobRef;
use longshore::ports::{DatabaseError, Rows, Statement};
use longshore::settings::Settings;

use super::audit::{Audit, Change};
use super::executor::{Call, Executor};
use super::faults::{Chances, Fault};
use super::history::Batch;
use super::indexers::Edit;
use super::invariants::Invariants;
use super::limits::{Holder, Limits};
use super::objects;
use super::plan::Narrow;
use super::poison::{self, Poison};
use super::queue::Queue;
use super::quotas::Quotas;
use super::receiver::Receiver;
use super::repeats::Repeats;
use super::row::{Name, Row};
use super::sabotage::{Bug, Switch};
use super::{erasers, providers, quotas, restorers};
use crate::sqlite::SqliteDatabase;
use longshore_kit::options::MASTER_KEY;
use longshore_kit::random::Random;

/// The world of one schedule.
#[allow(clippy::struct_excessive_bools, reason = "what a seed draws of its world")]
pub(super) struct World {
    pub(super) executor: Executor,
    /// When it began.
    pub(super) began_at: i64,
    pub(super) limits: Limits,
    /// Whose fault it is when jobs that embed fail.
    pub(super) poison: Poison,
    pub(super) random: Random,
    pub(super) chances: Chances,
    pub(super) database: Rc<SqliteDatabase>,
    pub(super) audit: Audit,
    /// The store of search, in the schedules that have come to use it.
    pub(super) index: OnceCell<Rc<SqliteDatabase>>,
    pub(super) queue: Queue,
    pub(super) receiver: Receiver,
    pub(super) objects: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(super) invariants: RefCell<Invariants>,
    pub(super) trace: Trace,
    /// What Workers are deployed with, by their epoch.
    pub(super) settings: [Settings; 2],
    pub(super) bug: Option<&'static Bug>,
    pub(super) narrow: Narrow,
    /// What was committed, if somebody wants to know.
    pub(super) history: RefCell<Option<Vec<Batch>>>,
    /// Calls to any port,
    pub(super) operations: Cell<u64>,
    /// and those of them to the provider of embeddings.
    pub(super) provider_calls: Cell<i64>,
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
    /// When all is quiet no sweep comes for hours, and the mark stays behind (F30).
    pub(super) has_gaps: bool,
    /// More jobs for a longer time, and each may be tried more than twice. Most schedules are short: more of them are
    /// played in the same time.
    pub(super) is_long: bool,
    /// Tenants and subjects are erased.
    pub(super) has_erasures: bool,
    /// Two schedules fire as well.
    pub(super) has_schedules: bool,
    /// Some payloads are objects of their own.
    pub(super) has_large: bool,
    /// Some jobs embed texts.
    pub(super) has_embeds: bool,
    /// The provider of the tenants' indexes, if they have some.
    pub(super) index_provider: Option<&'static str>,
    /// They are cut anew while all goes on.
    pub(super) is_cut_anew: bool,
    /// What jobs want of documents, by their numbers.
    pub(super) edits: RefCell<BTreeMap<i64, Vec<Edit>>>,
    /// Applications that ask again late.
    pub(super) repeats: Repeats,
    /// A deployment raises the epoch.
    pub(super) has_epochs: bool,
    /// Tenants and keys have quotas.
    pub(super) has_quotas: bool,
    /// The epoch of the deployment.
    pub(super) deployed: Cell<usize>,
    /// Some Workers are still of the deployment before.
    pub(super) rolls: Cell<bool>,
    /// The quotas as the last batch left them.
    pub(super) quotas: RefCell<Quotas>,
    /// How long the database says that it is nearly full.
    pub(super) full_until: Cell<i64>,
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

    /// What a batch of a Worker of that epoch does to the database, at this very moment.
    pub(super) fn run_batch(&self, statements: &[Statement], epoch: usize) -> Result<Vec<Rows>, DatabaseError> {
        self.database.clock().set(self.now());
        let mut changes: Vec<Change> = Vec::new();
        let answer = self.database.run(statements, &mut |statement| changes.extend(self.audit.take(statement)));
        self.audit.forget();
        let name = statements.first().map_or("", |statement| statement.name);
        self.trace.note(self.now(), name, || format!("{answer:?}"));
        match &answer {
            Ok(answers) => {
                if let Some(history) = self.history.borrow_mut().as_mut() {
                    let (now_ms, statements) = (self.now(), statements.to_vec());
                    history.push(Batch { now_ms, statements, answers: answers.clone() });
                }
                let mut invariants = self.invariants.borrow_mut();
                let mut inserted: Vec<Row> = Vec::new();
                if changes
                    .iter()
                    .any(|change| matches!(change.statement, "accept" | "insert_successor" | "insert_fired"))
                {
                    invariants
                        .accepted(self.number("SELECT count(*) FROM meta WHERE name = 'storage_full' AND value = 1"));
                }
                let is_erased = |change: &&Change| change.statement == "erase_jobs" && change.new.is_none();
                let erased: Vec<_> = changes.iter().filter(is_erased).map(|change| change.name.clone()).collect();
                if let Err(text) = erasers::judge_objects(self, erased.iter())
                    .and_then(|()| self.judge_rights(&invariants.rows, statements, &changes, epoch))
                {
                    invariants.violated(text);
                }
                for change in changes {
                    let old = invariants.rows.get(&change.name);
                    self.trace.note(self.now(), change.statement, || change_text(old, &change));
                    let verdict = match (old, &change.new) {
                        (Some(old), Some(new)) => poison::judge(self, old, new),
                        (None, Some(new)) => {
                            inserted.push(new.clone());
                            Ok(())
                        }
                        (_, None) => Ok(()),
                    };
                    let lease = old.and_then(|row| row.lease_token.as_ref());
                    let is_well = |lease| self.leases.borrow().get(lease).is_some_and(|befell| !befell.get());
                    let is_cut_off = lease.is_some_and(|lease| self.limits.has_cut_off(lease));
                    let holder = Holder { is_well: lease.is_some_and(is_well), is_cut_off };
                    invariants.observe(self.now(), change, holder, &self.receiver);
                    if let Err(text) = verdict {
                        invariants.violated(text);
                    }
                }
                drop(invariants);
                self.note_others(statements);
                for row in &inserted {
                    objects::judge_insert(self, row);
                }
            }
            Err(error) => self.invariants.borrow_mut().violated(format!("the database refused {name}: {error}")),
        }
        answer
    }

    /// Whether a batch had a right to what it changed.
    fn judge_rights(
        &self,
        known: &BTreeMap<Name, Row>,
        statements: &[Statement],
        changes: &[Change],
        epoch: usize,
    ) -> Result<(), String> {
        let mut moved = changes.iter().map(|change| change.statement);
        if self.has_epochs
            && let Some(statement) = moved.find(|statement| matches!(*statement, "accept" | "claim"))
        {
            restorers::judge(self, epoch, statement)?;
        }
        if self.has_quotas { quotas::judge(self, known, statements, changes) } else { Ok(()) }
    }

    /// Takes in what a batch did to other tables.
    fn note_others(&self, statements: &[Statement]) {
        let has = |name| statements.iter().any(|statement| statement.name == name);
        if has("request_erasure") {
            erasers::note_asked(self);
        }
        if has("move_mark") {
            let mark = self.number("SELECT value FROM meta WHERE name = 'mark'");
            self.invariants.borrow_mut().mark_moved(mark);
        }
    }

    /// What a batch would answer, had it been committed.
    pub(super) fn rehearse_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.database.clock().set(self.now());
        let answer = self.database.rehearse(statements);
        self.audit.forget();
        answer
    }

    /// Moves the mark to where sweeps that find nothing would have moved it, if it has passed all jobs already.
    pub(super) fn move_mark_along(&self) {
        let behind = self.now() - MARK_LAG_MS;
        let sql = "UPDATE meta SET value = ?1 WHERE name = 'mark' AND value < ?1
            AND value > (SELECT max(created_at) FROM jobs) RETURNING value";
        self.run_batch(&[Statement { name: "move_mark", sql, params: vec![behind.into()] }], self.deployed.get())
            .unwrap();
    }

    /// One number that a question beside the port has for an answer.
    pub(super) fn number(&self, sql: &str) -> i64 {
        let connection = self.database.connection();
        let mut question = connection.prepare_cached(sql).unwrap();
        question.query_row([], |row| row.get::<_, Option<i64>>(0)).unwrap().unwrap_or(i64::MAX)
    }

    /// A random job, if there is one; one with an open dead letter, if that is wanted and there is one.
    pub(super) fn any_job(&self, prefers_dead: bool) -> Option<JobRef> {
        let invariants = self.invariants.borrow();
        let is_open = |row: &&Row| row.dead_state.as_deref() == Some("open");
        let mut names: Vec<_> = invariants.rows.values().filter(is_open).map(Row::name).collect();
        if names.is_empty() || !prefers_dead {
            names = invariants.rows.keys().cloned().collect();
        }
        (!names.is_empty()).then(|| JobRef::from(self.random.pick(&names).clone()))
    }

    /// What a broken order of things has done so far.
    pub(super) fn violation(&self) -> Option<String> {
        self.invariants.borrow().violation.clone()
    }
}

fn change_text(old: Option<&Row>, change: &Change) -> String {
    let text = |row: Option<&Row>| row.map_or("-".to_owned(), |row| format!("{}#{}", row.state.name(), row.attempt));
    format!("{} {}->{}", change.name.1, text(old), text(change.new.as_ref()))
}

/// The settings of the Workers of each epoch.
pub(super) fn settings() -> [Settings; 2] {
    ["0", "1"].map(|epoch| {
        let settings = Settings::parse(|name| match name {
            "MASTER_KEY" => Some(MASTER_KEY.to_owned()),
            "PLAN" => Some(PAID.name.to_owned()),
            "EPOCH" => Some(epoch.to_owned()),
            "EMBED_PROVIDERS" => Some(providers::SETTING.to_owned()),
            _ => None,
        });
        let mut settings = settings.unwrap();
        settings.plan.payload_inline_bytes = objects::INLINE_BYTES;
        settings
    })
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
