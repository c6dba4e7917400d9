//! A world that counts everything that a Worker's invocation would be billed for.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use longshore::limits::HOUR_MS;
use longshore::limits::plan::FREE;
use longshore::model::job::{JobRef, mint_id};
use longshore::ports::{
    BlobError, Blobs, Clock, Database, DatabaseError, HintError, HintMessage, Hints, Http, HttpError, HttpRequest,
    HttpResponse, IndexDatabase, Param, Rows, Statement,
};
use longshore::store::objects::key;
use longshore::wire::job_queue::JobQueue;
use longshore_simulation::sqlite::{SetClock, SqliteDatabase};

/// Start time in milliseconds since 1970.
pub(crate) const NOW: i64 = 1_800_000_000_000;

/// A world that counts everything that a Worker's invocation would be billed for.
pub(crate) struct Counted {
    pub(crate) store: SqliteDatabase,
    pub(crate) index: SqliteDatabase,
    pub(crate) subrequests: Cell<usize>,
    /// Statements of both databases.
    pub(crate) statements: Cell<usize>,
    /// True if several invocations share the world, so that it cannot tell the statements of one.
    pub(crate) is_shared: bool,
    pub(crate) hints: RefCell<Vec<HintMessage>>,
    pub(crate) drawn: Cell<u128>,
    /// Duration of each request on tokio's paused clock; `None` answers at once.
    pub(crate) latency: Option<Duration>,
    pub(crate) began: Option<tokio::time::Instant>,
    /// True if every destination answers 200; otherwise none can be reached.
    pub(crate) succeeds: bool,
    /// Number of claimed jobs, and number of released ones.
    pub(crate) claimed: Cell<usize>,
    pub(crate) released: Cell<usize>,
    /// Large payloads in memory: now, and the most at any time.
    pub(crate) large: Cell<(usize, usize)>,
    /// Largest step of the watermark in milliseconds; a larger one fails, like a call that takes D1 too long.
    pub(crate) watermark_ms_max: Cell<i64>,
    /// Content of every object that is read whole.
    pub(crate) object: RefCell<Vec<u8>>,
}

impl Counted {
    /// Returns the number of jobs that the sent hints name.
    pub(crate) fn hinted(&self) -> usize {
        self.hints.borrow().iter().map(|hint| longshore::model::hint::decode(&hint.text).unwrap().len()).sum()
    }

    pub(crate) fn new() -> Self {
        Counted {
            store: SqliteDatabase::open(SetClock::at(NOW)).unwrap(),
            index: SqliteDatabase::open_index(SetClock::at(NOW)).unwrap(),
            subrequests: Cell::new(0),
            statements: Cell::new(0),
            is_shared: false,
            hints: RefCell::default(),
            drawn: Cell::new(1),
            latency: None,
            began: None,
            succeeds: false,
            claimed: Cell::new(0),
            released: Cell::new(0),
            large: Cell::new((0, 0)),
            watermark_ms_max: Cell::new(i64::MAX),
            object: RefCell::default(),
        }
    }

    pub(crate) fn slow(latency: Duration) -> Self {
        Counted { latency: Some(latency), began: Some(tokio::time::Instant::now()), ..Counted::new() }
    }

    fn count(&self) {
        self.subrequests.set(self.subrequests.get() + 1);
    }

    /// Inserts jobs directly: due, queued, and with these extra columns.
    pub(crate) fn insert(&self, jobs: usize, columns: &str, values: &str) -> Vec<JobRef> {
        let mut inserted = Vec::new();
        for _ in 0..jobs {
            let job = JobRef { tenant: "acme".into(), id: mint_id(NOW - 60_000, self.random()) };
            let sql = format!(
                "INSERT INTO jobs (tenant, id, state, run_after, created_at, kind, max_attempts, backoff, digest, payload{columns})
                 VALUES ('acme', '{}', 'queued', {NOW} - 60000, {NOW} - 60000, 'webhook', 9, 'fast', 'd',
                 '{{\"url\":\"https://a.example.com/\"}}'{values})",
                job.id
            );
            self.store.connection().execute(&sql, []).unwrap();
            inserted.push(job);
        }
        inserted
    }
}

impl Counted {
    /// Gives each job a separate destination, so that the limit per destination does not apply.
    pub(crate) fn spread_destinations(&self) {
        let apart = "UPDATE jobs SET payload = json_object('url', 'https://h' || substr(id, -6) || '.example.com/')";
        self.store.connection().execute(apart, []).unwrap();
    }
}

impl Database for Counted {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.count();
        self.statements.set(self.statements.get() + statements.len());
        self.store.clock().set(self.now_ms());
        if let Some(Param::Text(terms)) =
            statements.iter().find(|one| one.name == "pass_watermark").and_then(|one| one.params.first())
        {
            let terms: serde_json::Value = serde_json::from_str(terms).unwrap();
            if terms["next"].as_i64().unwrap() - terms["watermark"].as_i64().unwrap() > self.watermark_ms_max.get() {
                return Err(DatabaseError::Refused("it took too long".into()));
            }
        }
        let answers = self.store.batch(statements).await?;
        for (statement, rows) in statements.iter().zip(&answers) {
            match statement.name {
                "claim" => self.claimed.set(self.claimed.get() + rows.len()),
                "release_claim" => self.released.set(self.released.get() + rows.len()),
                _ => {}
            }
        }
        Ok(answers)
    }
    fn size_bytes(&self) -> Option<i64> {
        Some(1)
    }
    fn statements(&self) -> usize {
        if self.is_shared { 0 } else { self.statements.get() }
    }
}

impl IndexDatabase for Counted {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.count();
        self.statements.set(self.statements.get() + statements.len());
        self.index.clock().set(self.now_ms());
        self.index.index_batch(statements).await
    }
}

impl Hints for Counted {
    async fn send_hints(&self, _queue: JobQueue, messages: &[HintMessage]) -> Result<(), HintError> {
        self.count();
        self.hints.borrow_mut().extend_from_slice(messages);
        Ok(())
    }
}

impl Blobs for Counted {
    async fn put(&self, _key: &str, _bytes: &[u8]) -> Result<(), BlobError> {
        self.count();
        Ok(())
    }
    async fn get(&self, _key: &str) -> Result<Option<Vec<u8>>, BlobError> {
        self.count();
        let (now, most) = self.large.get();
        self.large.set((now + 1, most.max(now + 1)));
        Ok(Some(b"{}".to_vec()))
    }
    async fn get_range(&self, _key: &str, _offset: u64, _length: u64) -> Result<Option<Vec<u8>>, BlobError> {
        self.count();
        Ok(None)
    }
    /// Returns the same record for every object.
    async fn get_tagged(&self, _key: &str) -> Result<Option<(Vec<u8>, String)>, BlobError> {
        self.count();
        Ok(Some((self.object.borrow().clone(), String::new())))
    }
    async fn put_tagged(&self, _key: &str, bytes: &[u8], _tag: &str) -> Result<bool, BlobError> {
        self.count();
        self.object.replace(bytes.to_vec());
        Ok(true)
    }
    /// Lists as many packs as one invocation of the free plan writes under its lease.
    async fn list(&self, prefix: &str, after: Option<&str>, _limit: u32) -> Result<Vec<String>, BlobError> {
        self.count();
        if prefix == longshore::store::objects::PREFIX {
            return Ok(vec![key(&JobRef { tenant: "acme".into(), id: mint_id(NOW - 2 * HOUR_MS, 1) })]);
        }
        let packs = if after.is_none() { FREE.jobs_per_invocation } else { 0 };
        Ok((0..packs).map(|n| format!("{prefix}{n}")).collect())
    }
    async fn delete(&self, _keys: &[String]) -> Result<(), BlobError> {
        self.count();
        Ok(())
    }
}

impl Http for Counted {
    async fn send_request(&self, _request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.count();
        if let Some(latency) = self.latency {
            tokio::time::sleep(latency).await;
        }
        let (now, most) = self.large.get();
        self.large.set((now.saturating_sub(1), most));
        if self.succeeds {
            let (headers, body) = (Vec::new(), Vec::new());
            return Ok(HttpResponse { status: 200, headers, body, truncated: false, body_error: None });
        }
        Err(HttpError::Connect("refused".into()))
    }
}

impl Clock for Counted {
    fn now_ms(&self) -> i64 {
        let passed = self.began.map_or(0, |began| began.elapsed().as_millis());
        NOW + i64::try_from(passed).unwrap()
    }
    /// Sleeps on tokio's clock. Without a latency it never ends, so that no request loses a race against a timer.
    async fn sleep(&self, duration: Duration) {
        match self.began {
            Some(_) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    }
    fn random(&self) -> u128 {
        self.drawn.set(self.drawn.get() + 1);
        self.drawn.get()
    }
}
