//! The world: everything that exists once, and the trace of all events in it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use longshore::accept::authorize::Caller;
use longshore::limits::WATERMARK_LAG_MS;
use longshore::limits::plan::PAID;
use longshore::model::job::JobRef;
use longshore::ports::{DatabaseError, Rows, Statement};
use longshore::settings::Settings;

use crate::sim::actors::indexers::Edit;
use crate::sim::actors::poison;
use crate::sim::actors::poison::Poison;
use crate::sim::actors::quotas::Quotas;
use crate::sim::actors::receiver::Receiver;
use crate::sim::actors::repeats::Repeats;
use crate::sim::actors::{erasers, providers, quotas, resenders, restorers};
use crate::sim::bugs::sabotage::{Bug, Switch};
use crate::sim::engine::executor::{Call, Executor};
use crate::sim::engine::faults::{Chances, Fault};
use crate::sim::engine::history::Batch;
use crate::sim::engine::plan::Narrow;
use crate::sim::engine::queue::Queue;
use crate::sim::oracle::audit::{Audit, Change};
use crate::sim::oracle::invariants::Invariants;
use crate::sim::oracle::limits::{Holder, Limits};
use crate::sim::oracle::objects;
use crate::sim::oracle::row::{Name, Row};
use crate::sqlite::SqliteDatabase;
use longshore_kit::options::MASTER_KEY;
use longshore_kit::random::Random;

/// The world of one schedule.
#[allow(clippy::struct_excessive_bools, reason = "what a seed draws of its world")]
pub(crate) struct World {
    pub(crate) executor: Executor,
    /// Start time.
    pub(crate) began_at: i64,
    pub(crate) limits: Limits,
    /// Bookkeeping of who is responsible when jobs that embed fail.
    pub(crate) poison: Poison,
    pub(crate) random: Random,
    pub(crate) chances: Chances,
    pub(crate) database: Rc<SqliteDatabase>,
    pub(crate) audit: Audit,
    /// Search database, once a schedule has used it.
    pub(crate) index: OnceCell<Rc<SqliteDatabase>>,
    pub(crate) queue: Queue,
    pub(crate) receiver: Receiver,
    pub(crate) objects: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) invariants: RefCell<Invariants>,
    pub(crate) trace: Trace,
    /// Settings of the Workers, by their epoch.
    pub(crate) settings: [Settings; 2],
    pub(crate) bug: Option<&'static Bug>,
    pub(crate) narrow: Narrow,
    /// Batches that were committed, if a history is recorded.
    pub(crate) history: RefCell<Option<Vec<Batch>>>,
    /// Calls to any port.
    pub(crate) operations: Cell<u64>,
    /// Calls to the embedding provider.
    pub(crate) provider_calls: Cell<i64>,
    /// Lease tokens that workers claimed under, and if a fault hit that worker.
    pub(crate) leases: RefCell<BTreeMap<String, Rc<Cell<bool>>>>,
    /// Callers by tenant.
    pub(crate) callers: RefCell<BTreeMap<String, Caller>>,
    /// Number of clients that wait for an answer.
    pub(crate) orders_open: Cell<usize>,
    /// Offset of each producer's clock in milliseconds.
    pub(crate) producer_clocks: [i64; 2],
    /// True if a worker of this schedule may freeze.
    pub(crate) may_freeze: bool,
    /// True if no sweep runs for hours after the faults stopped, so that the watermark stays behind (F30).
    pub(crate) has_gaps: bool,
    /// True if there are more jobs for a longer time, and each may have more than two attempts. Most schedules are
    /// short, so that more of them are played in the same time.
    pub(crate) is_long: bool,
    /// True if tenants and subjects are erased.
    pub(crate) has_erasures: bool,
    /// True if two schedules run as well.
    pub(crate) has_schedules: bool,
    /// True if several jobs of one request are lines of a bulk request.
    pub(crate) has_bulk: bool,
    /// True if a tenant is exported while everything else continues.
    pub(crate) has_exports: bool,
    /// True if some endpoints keep payloads, and finished jobs are resent.
    pub(crate) has_actions: bool,
    pub(crate) has_resends: bool,
    /// True if groups are closed.
    pub(crate) has_closes: bool,
    /// True if some payloads are stored as objects.
    pub(crate) has_large: bool,
    /// True if some jobs embed texts.
    pub(crate) has_embeds: bool,
    /// Provider of the tenants' indexes, if they have some.
    pub(crate) index_provider: Option<&'static str>,
    /// True if indexes are chunked again while everything else continues.
    pub(crate) is_rechunked: bool,
    /// Changes that jobs make to documents, by their numbers.
    pub(crate) edits: RefCell<BTreeMap<i64, Vec<Edit>>>,
    /// State of applications that repeat requests late.
    pub(crate) repeats: Repeats,
    /// True if a deployment raises the epoch.
    pub(crate) has_epochs: bool,
    /// True if tenants and keys have quotas.
    pub(crate) has_quotas: bool,
    /// Epoch of the deployment.
    pub(crate) deployed: Cell<usize>,
    /// True if some Workers still have the deployment before.
    pub(crate) rolls: Cell<bool>,
    /// Quotas after the last batch.
    pub(crate) quotas: RefCell<Quotas>,
    /// Time until which the database reports that it is nearly full.
    pub(crate) full_until: Cell<i64>,
    /// True if faults have stopped.
    pub(crate) calm: Cell<bool>,
    /// True if the schedule is over: values dropped from now on have no effect.
    pub(crate) ended: Cell<bool>,
}

impl World {
    pub(crate) fn now(&self) -> i64 {
        self.executor.now()
    }

    /// Draws if this fault hits now; if so, counts it.
    pub(crate) fn hits(&self, fault: Fault) -> bool {
        let hit = !self.calm.get() && self.random.per_mille(self.chances.rate(fault));
        if hit {
            self.executor.tally.hit(fault);
            self.trace.note(self.now(), "fault", || format!("{fault:?}"));
        }
        hit
    }

    /// Returns true if the planted bug is this switch.
    pub(crate) fn has(&self, switch: Switch) -> bool {
        self.bug.is_some_and(|bug| bug.switch == Some(switch))
    }

    pub(crate) async fn sleep(&self, ms: i64) {
        Call::new(self, (ms.max(0), 0), false, |_| ()).await;
    }

    /// Runs a batch of a Worker of that epoch on the database, at this moment.
    pub(crate) fn run_batch(&self, statements: &[Statement], epoch: usize) -> Result<Vec<Rows>, DatabaseError> {
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
                        (Some(old), Some(new)) => {
                            poison::judge(self, old, new).and_then(|()| resenders::judge(self, old, new))
                        }
                        (None, Some(new)) => {
                            inserted.push(new.clone());
                            Ok(())
                        }
                        (_, None) => Ok(()),
                    };
                    let lease = old.and_then(|row| row.lease_token.as_ref());
                    let is_well = |lease| self.leases.borrow().get(lease).is_some_and(|was_hit| !was_hit.get());
                    let is_interrupted = lease.is_some_and(|lease| self.limits.has_interrupted(lease));
                    let holder = Holder { is_well: lease.is_some_and(is_well), is_interrupted };
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

    /// Checks that a batch was allowed to change what it changed.
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

    /// Records the changes of a batch in other tables.
    fn note_others(&self, statements: &[Statement]) {
        let has = |name| statements.iter().any(|statement| statement.name == name);
        if has("request_erasure") {
            erasers::note_requested(self);
        }
        if has("move_watermark") {
            let watermark = self.number("SELECT value FROM meta WHERE name = 'watermark'");
            self.invariants.borrow_mut().watermark_moved(watermark);
        }
    }

    /// Returns what a batch would return if it were committed.
    pub(crate) fn rehearse_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.database.clock().set(self.now());
        let answer = self.database.rehearse(statements);
        self.audit.forget();
        answer
    }

    /// Moves the watermark to where idle sweeps would have moved it, if it has passed all jobs already.
    pub(crate) fn move_watermark_along(&self) {
        let behind = self.now() - WATERMARK_LAG_MS;
        let sql = "UPDATE meta SET value = ?1 WHERE name = 'watermark' AND value < ?1
            AND value > (SELECT max(created_at) FROM jobs) RETURNING value";
        self.run_batch(&[Statement { name: "move_watermark", sql, params: vec![behind.into()] }], self.deployed.get())
            .unwrap();
    }

    /// Result of a query for one number, which bypasses the port.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let connection = self.database.connection();
        let mut question = connection.prepare_cached(sql).unwrap();
        question.query_row([], |row| row.get::<_, Option<i64>>(0)).unwrap().unwrap_or(i64::MAX)
    }

    /// Picks a random job, if there is one; a job with an open dead letter, if that is preferred and there is one.
    pub(crate) fn any_job(&self, prefers_dead: bool) -> Option<JobRef> {
        let invariants = self.invariants.borrow();
        let is_open = |row: &&Row| row.dead_state.as_deref() == Some("open");
        let mut names: Vec<_> = invariants.rows.values().filter(is_open).map(Row::name).collect();
        if names.is_empty() || !prefers_dead {
            names = invariants.rows.keys().cloned().collect();
        }
        (!names.is_empty()).then(|| JobRef::from(self.random.pick(&names).clone()))
    }

    /// First violation so far.
    pub(crate) fn violation(&self) -> Option<String> {
        self.invariants.borrow().violation.clone()
    }
}

fn change_text(old: Option<&Row>, change: &Change) -> String {
    let text = |row: Option<&Row>| row.map_or("-".to_owned(), |row| format!("{}#{}", row.state.name(), row.attempt));
    format!("{} {}->{}", change.name.1, text(old), text(change.new.as_ref()))
}

/// Settings of the Workers of each epoch.
pub(crate) fn settings() -> [Settings; 2] {
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

/// Everything that happened, as a digest, and as text if it is printed.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    digest: Cell<u64>,
    /// True if lines are printed.
    pub(crate) prints: Cell<bool>,
}

impl Trace {
    pub(crate) fn note(&self, now: i64, what: &str, detail: impl FnOnce() -> String) {
        let mut digest = self.digest.get() ^ now.unsigned_abs();
        for byte in what.bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest.set(digest);
        if self.prints.get() {
            let mut line = format!("{:>11} {what} {}", now - crate::sim::engine::schedule::START_MS, detail());
            line.truncate(line.floor_char_boundary(400));
            println!("{line}");
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.get()
    }
}
