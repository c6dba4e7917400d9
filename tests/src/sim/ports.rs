//! The ports of one worker: each call waits, has its effect and waits again, and may fail before, after or instead.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use longshore::ports::{
    BlobError, Blobs, Clock, Database, DatabaseError, HintError, Hints, Http, HttpError, HttpRequest, HttpResponse,
    Param, Rows, Statement,
};

use super::executor::Call;
use super::faults::Fault;
use super::receiver::Answer;
use super::world::World;

/// One worker of one invocation, with a clock of its own.
pub(super) struct Node {
    pub(super) world: Rc<World>,
    off_ms: i64,
    /// How much faster its clock runs, in parts per thousand.
    fast: i64,
    born: i64,
    /// The lease tokens it claimed under.
    tokens: Rc<RefCell<BTreeSet<String>>>,
}

impl Node {
    pub(super) fn new(world: &Rc<World>, off_ms: i64) -> Self {
        let fast = world.random.between(-10, 10);
        Self { world: world.clone(), off_ms, fast, born: world.now(), tokens: Rc::default() }
    }

    /// A worker whose clock is anywhere within ten seconds.
    pub(super) fn anywhere(world: &Rc<World>) -> Self {
        let off_ms = world.random.between(-10_000, 10_000);
        Self::new(world, off_ms)
    }

    fn latency(&self, most: i64) -> (i64, i64) {
        (self.world.random.between(1, most), self.world.random.between(0, most))
    }

    /// Whether an effect happens although its caller is gone.
    fn survives(&self) -> bool {
        self.world.random.per_mille(500)
    }

    /// How long the world's clock takes to let this many milliseconds pass here.
    fn scaled(&self, ms: i64) -> i64 {
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
    async fn batch(&self, mut statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        for statement in &mut statements {
            if let ("claim", Some(Param::Text(token))) = (statement.name, statement.params.get(1)) {
                self.tokens.borrow_mut().insert(token.clone());
            }
            if let Some(sabotage) = &self.world.sabotage {
                sabotage.rewrite(statement);
            }
        }
        let world = &self.world;
        let (mut before, after) = self.latency(20);
        let lost = || DatabaseError::Unreachable("Network connection lost.".into());
        let effect = move |world: &Rc<World>| world.run_batch(&statements);
        if world.hits(Fault::DatabaseError) {
            world.sleep(before).await;
            return Err(lost());
        }
        if world.hits(Fault::DatabaseLate) {
            world.executor.happen_at(world.now() + world.random.between(1, 30_000), move |world| drop(effect(world)));
            world.sleep(before).await;
            return Err(lost());
        }
        let mut wait = 0;
        if world.hits(Fault::DatabaseStall) {
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
        if world.hits(Fault::DatabaseAnswerLost) { Err(lost()) } else { answer }
    }

    fn size_bytes(&self) -> Option<i64> {
        Some(1_000_000)
    }
}

impl Hints for Node {
    async fn send_hints(&self, messages: Vec<(String, u32)>) -> Result<(), HintError> {
        let fails = self.world.hits(Fault::SendFails);
        if fails && self.world.random.per_mille(300) {
            self.world.sleep(57_000).await;
        }
        let effect = move |world: &Rc<World>| {
            for (text, delay_seconds) in messages {
                if !fails {
                    world.queue.send(world, &text, i64::from(delay_seconds) * 1_000);
                }
            }
        };
        Call::new(&self.world, self.latency(50), self.survives(), effect).await;
        if fails { Err(HintError("internal server error".into())) } else { Ok(()) }
    }
}

impl Blobs for Node {
    async fn put(&self, key: &str, mut bytes: Vec<u8>) -> Result<(), BlobError> {
        let world = &self.world;
        let failed = || Err(BlobError("internal error (10001)".into()));
        if world.hits(Fault::PutFails) {
            world.sleep(self.latency(100).0).await;
            return failed();
        }
        let (mut before, mut after) = self.latency(100);
        if world.hits(Fault::PutHangs) {
            let hang = world.random.between(3_000, 60_000);
            if world.random.per_mille(500) { before += hang } else { after += hang }
        }
        if world.sabotage.as_ref().is_some_and(|sabotage| sabotage.flips_evidence) {
            bytes[0] ^= 1;
        }
        let key = key.to_owned();
        let effect = move |world: &Rc<World>| drop(world.objects.borrow_mut().insert(key, bytes));
        Call::new(world, (before, after), self.survives(), effect).await;
        Ok(())
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let range = usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap();
        Ok(self.world.objects.borrow().get(key).and_then(|bytes| bytes.get(range).map(<[u8]>::to_vec)))
    }
}

impl Http for Node {
    async fn send_request(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let world = &self.world;
        let timeout = i64::try_from(request.timeout.as_millis()).unwrap();
        let timed_out = Err(HttpError::Timeout(request.timeout.as_secs() * 1_000));
        if world.hits(Fault::HttpConnect) {
            world.sleep(self.latency(200).0).await;
            return Err(HttpError::Connect("refused".into()));
        }
        let hangs = world.hits(Fault::HttpHang);
        if hangs && world.random.per_mille(300) {
            world.sleep(self.scaled(timeout)).await;
            return timed_out;
        }
        let answer_lost = world.hits(Fault::HttpAnswerLost);
        let (before, mut after) = self.latency(1_500);
        if hangs {
            after = self.scaled(timeout) - before;
        }
        let tokens = self.tokens.clone();
        let effect = move |world: &Rc<World>| world.receiver.receive(world, &tokens.borrow(), &request);
        let answer = Call::new(world, (before, after), self.survives(), effect).await;
        if hangs {
            return timed_out;
        }
        if answer_lost {
            return Err(HttpError::Connect("reset".into()));
        }
        let Answer { status, retry_after } = answer;
        let headers = retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
        Ok(HttpResponse { status, headers: headers.into_iter().collect(), body: b"{}".to_vec(), truncated: false })
    }
}
