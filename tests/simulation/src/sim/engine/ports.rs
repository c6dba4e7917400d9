//! The ports of one worker: each call waits, has its effect and waits again, and may fail before, after or instead of
//! it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use longshore::limits::plan::PAID;
use longshore::limits::{STORAGE_REFUSE_PERCENT, STORAGE_WARN_PERCENT};
use longshore::model::job::JobRef;
use longshore::ports::{
    BlobError, Blobs, Clock, Database, DatabaseError, HintError, HintMessage, Hints, Param, Rows, Statement,
};
use longshore::settings::Settings;
use longshore::wire::idempotency::sha256;
use longshore::wire::job_queue::JobQueue;

use crate::sim::actors::restorers::epoch_of_a_worker;
use crate::sim::bugs::sabotage::Switch;
use crate::sim::engine::executor::{Call, Doom};
use crate::sim::engine::faults::Fault;
use crate::sim::engine::index::Base;
use crate::sim::engine::world::World;
use crate::sim::oracle::objects;
use longshore_conformance::stand::put_if;

/// One worker of one invocation, with a separate clock.
pub(crate) struct Node {
    pub(crate) world: Rc<World>,
    off_ms: i64,
    /// Gain of its clock, in parts per thousand.
    fast: i64,
    born: i64,
    /// Epoch that it was deployed with.
    epoch: usize,
    /// Lease tokens that it claimed under.
    pub(crate) tokens: Rc<RefCell<BTreeSet<String>>>,
    /// True if a crash, a freeze or a failing database hit it, or will.
    was_hit: Rc<Cell<bool>>,
    /// Evidence that a planted bug delays.
    put_off: RefCell<Vec<(String, Vec<u8>)>>,
}

impl Node {
    pub(crate) fn new(world: &Rc<World>, off_ms: i64) -> Self {
        let fast = world.random.between(-10, 10);
        let (born, was_hit, put_off) = (world.now(), Rc::default(), RefCell::default());
        let epoch = epoch_of_a_worker(world);
        Self { world: world.clone(), off_ms, fast, born, epoch, tokens: Rc::default(), was_hit, put_off }
    }

    /// A worker whose clock is off by up to ten seconds.
    pub(crate) fn anywhere(world: &Rc<World>) -> Self {
        let off_ms = world.random.between(-10_000, 10_000);
        Self::new(world, off_ms)
    }

    /// Settings of its deployment.
    pub(crate) fn settings(&self) -> &Settings {
        &self.world.settings[self.epoch]
    }

    /// Notes its fate.
    pub(crate) fn note_fate(&self, fate: Doom) {
        self.was_hit.set(fate.crash.is_some() || fate.freeze.is_some());
    }

    pub(crate) fn count(&self) {
        self.world.operations.update(|count| count + 1);
    }

    /// Returns true if a fault of the database hits this call.
    fn fails(&self, fault: Fault) -> bool {
        let hit = self.world.hits(fault);
        self.was_hit.set(self.was_hit.get() || hit);
        hit
    }

    pub(crate) fn latency(&self, most: i64) -> (i64, i64) {
        (self.world.random.between(1, most), self.world.random.between(0, most))
    }

    /// Draws if an effect happens although its caller was dropped.
    pub(crate) fn survives(&self) -> bool {
        self.world.random.per_mille(500)
    }

    /// Time on the world's clock while this many milliseconds pass on this worker's clock.
    pub(crate) fn scaled(&self, ms: i64) -> i64 {
        ms + ms * -self.fast / 1_000
    }
}

impl Clock for Node {
    fn now_ms(&self) -> i64 {
        let now = self.world.now();
        now + self.off_ms + (now - self.born) * self.fast / 1_000
    }

    async fn sleep(&self, duration: Duration) {
        let ms = i64::try_from(duration.as_millis()).unwrap();
        self.world.sleep(self.scaled(ms)).await;
    }

    fn random(&self) -> u128 {
        self.world.random.bits128()
    }
}

impl Database for Node {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        for statement in statements {
            if statement.name == "keep_malformed_message" {
                self.world.invariants.borrow_mut().violated("a valid hint was taken for a malformed message".into());
            }
            if let ("claim", Some(Param::Text(token))) = (statement.name, statement.params.get(1)) {
                self.tokens.borrow_mut().insert(token.clone());
                self.world.leases.borrow_mut().insert(token.clone(), self.was_hit.clone());
            }
        }
        let mut statements = statements.to_vec();
        self.plant(&mut statements);
        let fires = statements.iter().position(|statement| statement.name == "fire");
        if fires.is_none() && self.world.has(Switch::SplitsBatches) {
            return self.batch_each(Base::Ledger, statements).await;
        }
        if let Some(at) = fires.filter(|_| self.world.has(Switch::MovesOccurrencesApart)) {
            let jobs = statements.split_off(at + 1);
            let mut answers = self.batch_once(Base::Ledger, statements).await?;
            answers.extend(self.batch_once(Base::Ledger, jobs).await?);
            return Ok(answers);
        }
        if self.world.has(Switch::DeletesFirst) {
            self.delete_first(&statements);
        }
        let settles = statements.iter().any(|statement| matches!(statement.name, "settle" | "accept"));
        let answer = self.batch_once(Base::Ledger, statements).await;
        let put_off = if settles { self.put_off.take() } else { Vec::new() };
        for (key, bytes) in put_off {
            self.store(key, bytes, (20, 20)).await;
        }
        answer
    }

    fn size_bytes(&self) -> Option<i64> {
        let world = &self.world;
        if world.hits(Fault::StorageFull) {
            world.full_until.set(world.now() + world.random.between(20_000, 120_000));
        }
        let is_full = !world.calm.get() && world.now() < world.full_until.get();
        let percent = match (is_full, world.invariants.borrow().is_crowded) {
            (true, _) => STORAGE_REFUSE_PERCENT,
            (false, true) => STORAGE_WARN_PERCENT,
            (false, false) => 1,
        };
        Some(PAID.database_bytes / 100 * percent)
    }
}

impl Node {
    /// Applies the planted bug to statements.
    pub(crate) fn plant(&self, statements: &mut [Statement]) {
        if let Some(bug) = self.world.bug {
            for statement in statements {
                bug.rewrite(statement);
            }
        }
    }

    pub(crate) async fn batch_each(&self, base: Base, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        let mut answers = Vec::new();
        for statement in statements {
            answers.extend(self.batch_once(base, vec![statement]).await?);
        }
        Ok(answers)
    }

    pub(crate) async fn batch_once(&self, base: Base, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        self.count();
        let world = &self.world;
        let (mut before, after) = self.latency(20);
        let lost = || DatabaseError::Unreachable("Network connection lost.".into());
        if let Some(limit) = world.limit_of(&statements) {
            self.was_hit.set(true);
            world.sleep(before).await;
            return Err(DatabaseError::DailyLimit(limit));
        }
        if self.fails(Fault::DatabaseError) {
            world.sleep(before).await;
            return if world.has(Switch::TrustsRollbacks) { world.rehearse(base, &statements) } else { Err(lost()) };
        }
        let epoch = self.epoch;
        let effect = move |world: &Rc<World>| world.run(base, &statements, epoch);
        if self.fails(Fault::DatabaseLate) {
            world.executor.happen_at(world.now() + world.random.between(1, 30_000), move |world| drop(effect(world)));
            world.sleep(before).await;
            return Err(lost());
        }
        let mut wait = 0;
        if self.fails(Fault::DatabaseStall) {
            let stall = world.random.between(5_000, 80_000);
            match world.random.between(0, 2) {
                0 => before += stall,
                1 => wait = stall,
                _ => {
                    world.sleep(stall).await;
                    return Err(lost());
                }
            }
        }
        let answer = Call::new(world, (before, after + wait), self.survives(), effect).await;
        if self.fails(Fault::DatabaseAnswerLost) { Err(lost()) } else { answer }
    }

    async fn store(&self, key: String, bytes: Vec<u8>, waits: (i64, i64)) {
        let effect = move |world: &Rc<World>| objects::store(world, key, bytes);
        Call::new(&self.world, waits, self.survives(), effect).await;
    }
}

impl Node {
    /// Calls the object store; the call may fail before its effect, or hang before or after it.
    async fn ask_objects<T: 'static>(&self, ask: impl FnOnce(&World) -> T + 'static) -> Result<T, BlobError> {
        self.count();
        let world = &self.world;
        if world.hits(Fault::PutFails) {
            world.sleep(self.latency(100).0).await;
            return Err(BlobError("internal error (10001)".into()));
        }
        let (mut before, mut after) = self.latency(100);
        if world.hits(Fault::PutHangs) {
            let hang = world.random.between(3_000, 60_000);
            if world.random.per_mille(500) { before += hang } else { after += hang }
        }
        Ok(Call::new(world, (before, after), self.survives(), move |world: &Rc<World>| ask(world)).await)
    }

    /// Deletes the objects of the jobs that these statements purge, before the rows.
    fn delete_first(&self, statements: &[Statement]) {
        let purge = statements.iter().find(|statement| statement.name == "purge");
        if let Some(Param::Text(jobs)) = purge.and_then(|purge| purge.params.first()) {
            let jobs: Vec<JobRef> = serde_json::from_str(jobs).unwrap();
            objects::delete(&self.world, &jobs.iter().map(longshore::store::objects::key).collect::<Vec<_>>());
        }
    }
}

impl Hints for Node {
    async fn send_hints(&self, queue: JobQueue, messages: &[HintMessage]) -> Result<(), HintError> {
        self.count();
        if !self.world.has_queue() {
            return Err(HintError::DailyLimit);
        }
        let fails = self.world.hits(Fault::SendFails);
        if fails && self.world.random.per_mille(300) {
            self.world.sleep(57_000).await;
        }
        let messages = messages.to_vec();
        let effect = move |world: &Rc<World>| {
            for HintMessage { text, delay_seconds } in messages {
                if !fails {
                    world.queue.send(world, queue, &text, i64::from(delay_seconds) * 1_000);
                }
            }
        };
        Call::new(&self.world, self.latency(50), self.survives(), effect).await;
        if fails { Err(HintError::Failed("internal server error".into())) } else { Ok(()) }
    }
}

impl Blobs for Node {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.count();
        let mut bytes = bytes.to_vec();
        let world = &self.world;
        if world.hits(Fault::PutFails) {
            world.sleep(self.latency(100).0).await;
            let failed = Err(BlobError("internal error (10001)".into()));
            return if world.has(Switch::TrustsFailedPuts) { Ok(()) } else { failed };
        }
        let (mut before, mut after) = self.latency(100);
        if world.hits(Fault::PutHangs) {
            if world.has(Switch::TrustsHangingPuts) {
                return Ok(());
            }
            let hang = world.random.between(3_000, 60_000);
            if world.random.per_mille(500) { before += hang } else { after += hang }
        }
        let is_evidence = key.starts_with("evidence/");
        match world.bug.and_then(|bug| bug.switch).filter(|switch| is_evidence != (*switch == Switch::InsertsFirst)) {
            Some(Switch::FlipsEvidence) => bytes[0] ^= 1,
            Some(Switch::ShiftsEvidence) => drop(bytes.remove(0)),
            Some(Switch::PutsAfterwards | Switch::InsertsFirst) => {
                self.put_off.borrow_mut().push((key.to_owned(), bytes));
                return Ok(());
            }
            _ => {}
        }
        self.store(key.to_owned(), bytes, (before, after)).await;
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BlobError> {
        let key = key.to_owned();
        self.ask_objects(move |world| world.objects.borrow().get(&key).cloned()).await
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let range = usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap();
        Ok(self.world.objects.borrow().get(key).and_then(|bytes| bytes.get(range).map(<[u8]>::to_vec)))
    }

    async fn get_tagged(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, BlobError> {
        let key = key.to_owned();
        self.ask_objects(move |world| world.objects.borrow().get(&key).map(|bytes| (bytes.clone(), sha256(bytes))))
            .await
    }

    async fn put_tagged(&self, key: &str, bytes: &[u8], tag: &str) -> Result<bool, BlobError> {
        if self.world.has(Switch::TrustsOverwrites) {
            return Ok(true);
        }
        let (key, bytes, tag) = (key.to_owned(), bytes.to_vec(), tag.to_owned());
        if self.world.has(Switch::OverwritesBlindly) {
            return self.ask_objects(move |world| world.objects.borrow_mut().insert(key, bytes).is_some()).await;
        }
        self.ask_objects(move |world| put_if(&mut world.objects.borrow_mut(), &key, &bytes, &tag)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, BlobError> {
        let (prefix, after) = (prefix.to_owned(), after.unwrap_or_default().to_owned());
        self.ask_objects(move |world| {
            let objects = world.objects.borrow();
            let asked = objects.keys().filter(|key| key.starts_with(&prefix) && **key > after);
            asked.take(limit as usize).cloned().collect()
        })
        .await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), BlobError> {
        let keys = keys.to_vec();
        self.ask_objects(move |world| objects::delete(world, &keys)).await
    }
}
