//! Environment of the cases: the databases of one engine, and fakes for everything else.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::time::Duration;

use longshore::accept::accepted::Accepted;
use longshore::accept::authorize::Caller;
use longshore::accept::insert::{accept, seal_secrets};
use longshore::accept::request::check;
use longshore::limits::plan::PAID;
use longshore::manage::endpoints::put_endpoint;
use longshore::manage::keys::create_key;
use longshore::model::attempt::Measured;
use longshore::model::cause::FailedAt;
use longshore::model::claimed::Claimed;
use longshore::model::job::{JobRef, JobRow, mint_id, mint_ulid};
use longshore::model::origin::Origin;
use longshore::model::state::{DeadReason, Decision};
use longshore::ports::{
    BlobError, Blobs, Clock, Database, DatabaseError, HintError, HintMessage, Hints, Http, HttpError, HttpRequest,
    HttpResponse, IndexDatabase, Param, Rows, Statement,
};
use longshore::run::claim::claim;
use longshore::run::settle::JobPlace;
use longshore::security::key::parse;
use longshore::settings::Settings;
use longshore::store::audit::Operator;
use longshore::store::rows::read_job;
use longshore::wire::idempotency::sha256;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use longshore_kit::options::MASTER_KEY;

/// Key id of [`operator`].
pub const OPERATOR: &str = "00000000000000aa";

/// Both databases of one engine, and its clock.
#[allow(async_fn_in_trait)]
pub trait Store: Database + IndexDatabase {
    /// Returns the time of the database's clock in milliseconds, as exactly as the engine provides it.
    fn now_ms(&self) -> i64;
    /// Makes everything of the tenant `ms` milliseconds older, by moving the clock or the rows.
    async fn make_past(&self, tenant: &str, ms: i64);
    /// Waits for a duration; an engine whose clock is moved by hand waits forever.
    async fn sleep(&self, duration: Duration);
}

/// Environment around the databases of one engine. Each request is answered at once with [`Stand::status`].
#[derive(Debug)]
pub struct Stand<S> {
    /// Databases of the engine.
    pub store: S,
    /// Settings of the core.
    pub settings: Settings,
    /// Difference between this machine's clock and the database's, in milliseconds.
    pub clock_off_ms: Cell<i64>,
    /// Status of every answer.
    pub status: Cell<u16>,
    /// Requests that were sent.
    pub requests: RefCell<Vec<HttpRequest>>,
    /// Hints that were sent.
    pub hints: RefCell<Vec<HintMessage>>,
    /// Objects that were put.
    pub objects: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Makes the object store fail.
    pub objects_fail: Cell<bool>,
    /// Statements to run, once, just before the next batch of the search database that contains a statement of that
    /// name.
    pub before: RefCell<Option<(&'static str, Vec<Statement>)>>,
    /// Names of the statements that the job database got.
    pub statements: RefCell<Vec<&'static str>>,
    /// Size that the database reports, or its real size if `None`.
    pub size: Cell<Option<i64>>,
    drawn: Cell<u128>,
}

impl<S: Store> Stand<S> {
    /// Creates a stand around a store. `seed` keeps the ids of two stands apart.
    pub fn new(store: S, seed: u128) -> Self {
        let settings = Settings::parse(|name| match name {
            "MASTER_KEY" => Some(MASTER_KEY.to_owned()),
            "PLAN" => Some(PAID.name.to_owned()),
            _ => None,
        });
        Stand {
            store,
            settings: settings.unwrap(),
            clock_off_ms: Cell::new(0),
            status: Cell::new(200),
            requests: RefCell::default(),
            hints: RefCell::default(),
            objects: RefCell::default(),
            objects_fail: Cell::new(false),
            before: RefCell::default(),
            statements: RefCell::default(),
            size: Cell::new(None),
            drawn: Cell::new(seed),
        }
    }

    /// Creates a tenant with an API key.
    pub async fn case(&self) -> Case<'_, S> {
        let tenant = format!("t{:024x}", self.random() >> 32);
        let caller = self.caller(&tenant).await;
        Case { stand: self, tenant, caller }
    }

    /// Creates a caller with a new key of that tenant.
    pub async fn caller(&self, tenant: &str) -> Caller {
        let body = json!({"tenant": tenant, "scopes": ["jobs:write"], "name": "case"}).to_string();
        let key = create_key(self, &operator(self), None, body.as_bytes()).await.unwrap();
        let token = parse(&key.token).unwrap();
        Caller { token, tenant: None, epoch: Some(0), origin: Origin::default() }
    }

    /// Runs one statement of a test and returns its rows.
    pub async fn sql(&self, sql: &'static str, params: Vec<Param>) -> Rows {
        let statement = Statement { name: "test", sql, params };
        self.store.batch(&[statement]).await.unwrap().pop().unwrap()
    }

    /// Reads the whole row of a job as the core does.
    pub async fn row(&self, job: &JobRef) -> JobRow {
        read_job(self, job).await.unwrap()
    }

    /// Reads columns of a job that the core does not return, as a JSON object.
    pub async fn raw(&self, job: &JobRef) -> Value {
        let sql = "SELECT json_object('state', state, 'attempt', attempt, 'failures', failures, 'crashes', crashes,
            'quarantined', quarantined, 'dispatches', dispatches, 'run_after', run_after, 'next_check_at', next_check_at,
            'lease_token', lease_token, 'lease_until', lease_until, 'finished_at', finished_at, 'payload', payload,
            'log', json(log), 'key', idempotency_key, 'key_until', key_until, 'created_at', created_at,
            'now', CAST(unixepoch('subsec') * 1000 AS INTEGER)) FROM jobs WHERE tenant = ?1 AND id = ?2";
        let rows = self.sql(sql, vec![job.tenant.as_str().into(), job.id.as_str().into()]).await;
        rows.first().map_or(Value::Null, |row| serde_json::from_str(row).unwrap())
    }

    /// Returns a new lease token.
    pub fn token(&self) -> String {
        mint_ulid(self.now_ms(), self.random())
    }

    /// Sets the watermark to `ms` milliseconds before now.
    pub async fn set_watermark(&self, ms: i64) {
        let sql = "UPDATE meta SET value = ?1 WHERE name = 'watermark' RETURNING value";
        self.sql(sql, vec![(self.store.now_ms() - ms).into()]).await;
    }
}

/// One case, with its own tenant.
#[derive(Debug)]
pub struct Case<'a, S> {
    /// Environment of the case.
    pub stand: &'a Stand<S>,
    /// Tenant of the case.
    pub tenant: String,
    /// Caller that may enqueue for the tenant.
    pub caller: Caller,
}

impl<S: Store> Case<'_, S> {
    /// Returns the reference of a job of this tenant.
    pub fn job(&self, id: &str) -> JobRef {
        JobRef { tenant: self.tenant.clone(), id: id.to_owned() }
    }

    /// Accepts jobs given as requests, each with an idempotency key or none.
    pub async fn accept(&self, requests: &[(Value, Option<&str>)]) -> Result<Vec<Result<Accepted, Problem>>, Problem> {
        let new_job = |(index, (body, key)): (usize, &(Value, Option<&str>))| {
            let body = body.to_string();
            check(self.stand, &self.stand.settings, body.as_bytes(), index, key.map(str::to_owned)).unwrap()
        };
        let mut jobs: Vec<_> = requests.iter().enumerate().map(new_job).collect();
        seal_secrets(self.stand, &self.stand.settings, &self.caller, &mut jobs).await?;
        accept(self.stand, &self.caller, jobs).await
    }

    /// Accepts one job.
    pub async fn accept_one(&self, body: Value, key: Option<&str>) -> Result<Accepted, Problem> {
        self.accept(&[(body, key)]).await?.pop().unwrap()
    }

    /// Accepts one job to a bare URL and returns its reference.
    pub async fn plain(&self) -> JobRef {
        self.accept_one(request(json!({})), None).await.unwrap().job
    }

    /// Accepts one job to an endpoint and returns its reference.
    pub async fn to_endpoint(&self, endpoint: &str) -> JobRef {
        self.accept_one(json!({"kind": "webhook", "endpoint": endpoint, "payload": {}}), None).await.unwrap().job
    }

    /// Creates an endpoint.
    pub async fn endpoint(&self, id: &str) {
        let body = json!({"url": format!("https://{id}.example.com/hook"), "schedule": "fast"}).to_string();
        put_endpoint(self.stand, &operator(self.stand), &self.stand.settings, &self.tenant, id, body.as_bytes())
            .await
            .unwrap();
    }

    /// Claims jobs and returns the rows that the token holds.
    pub async fn claim(&self, token: &str, jobs: &[&JobRef], quarantined: bool) -> Vec<Claimed> {
        let jobs: Vec<JobRef> = jobs.iter().map(|job| (*job).clone()).collect();
        claim(self.stand, &self.stand.settings, token, &jobs, quarantined).await.unwrap()
    }

    /// Makes everything of this tenant `ms` milliseconds older.
    pub async fn make_past(&self, ms: i64) {
        self.stand.store.make_past(&self.tenant, ms).await;
    }

    /// Gives a job an id that is `ms` milliseconds old, as if it had been accepted then.
    pub async fn age_id(&self, job: &JobRef, ms: i64) -> JobRef {
        let at = self.stand.store.now_ms() - ms;
        let aged = self.job(&mint_id(at, self.stand.random()));
        let (tenant, old, new) = (job.tenant.as_str(), job.id.as_str(), aged.id.as_str());
        let hour = "INSERT INTO tenant_hours (hour, tenant) VALUES (CAST(?1 / 3600000 AS INTEGER), ?2)
            ON CONFLICT DO NOTHING RETURNING hour";
        self.stand.sql(hour, vec![at.into(), tenant.into()]).await;
        let rename = "UPDATE jobs SET id = ?3, created_at = ?4 WHERE tenant = ?1 AND id = ?2 RETURNING id";
        self.stand.sql(rename, vec![tenant.into(), old.into(), new.into(), at.into()]).await;
        aged
    }
}

/// Returns the operator of a new request, which has a fixed key and address.
pub fn operator<C: Clock>(clock: &C) -> Operator {
    Operator::new(OPERATOR, Some("192.0.2.7".to_owned()), &mint_ulid(clock.now_ms(), clock.random()))
}

/// Decision that a failed attempt is retried after 30 s.
pub const RETRY: Decision = Decision::Retry { delay: Duration::from_secs(30), failures: 1 };
/// Decision that the first failure dead-letters a job.
pub const DEAD_LETTER: Decision = Decision::DeadLetter { reason: DeadReason::AttemptsExhausted, failures: 1 };

/// Returns the delay of an accepted job's hint in seconds.
pub fn delay(accepted: &Accepted) -> Option<u32> {
    accepted.hint.as_ref().map(|hint| hint.delay_seconds)
}

/// Returns the place of a webhook to this endpoint, or to none if it is empty, in no group.
pub fn place(endpoint: String) -> JobPlace {
    let at = FailedAt { kind: "webhook".to_owned(), endpoint, host: None };
    JobPlace { at, queue: JobQueue::Webhooks, counted: false }
}

/// Returns the measurements of an attempt.
pub fn measured(duration_ms: i64, status: Option<u16>) -> Measured {
    Measured { duration_ms, status, version: "0.1.0".to_owned(), answer: None }
}

/// Returns a request for one webhook to a bare URL, with more fields.
pub fn request(more: Value) -> Value {
    let mut request = json!({"kind": "webhook", "payload": {"url": "https://example.com/hook", "body": {"n": 1}}});
    let (Value::Object(fields), Value::Object(more)) = (&mut request, more) else { unreachable!() };
    fields.extend(more);
    request
}

impl<S: Store> Database for Stand<S> {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.statements.borrow_mut().extend(statements.iter().map(|statement| statement.name));
        // The core hides database errors from its callers; here they are printed with the test's output.
        self.store.batch(statements).await.inspect_err(|error| eprintln!("{error}"))
    }

    fn size_bytes(&self) -> Option<i64> {
        self.size.get().or_else(|| self.store.size_bytes())
    }
}

impl<S: Store> IndexDatabase for Stand<S> {
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let is_due = |name: &str| statements.iter().any(|statement| statement.name == name);
        let before = self.before.borrow_mut().take_if(|(name, _)| is_due(name));
        if let Some((_, before)) = before {
            self.store.index_batch(&before).await?;
        }
        self.store.index_batch(statements).await.inspect_err(|error| eprintln!("{error}"))
    }
}

impl<S: Store> Clock for Stand<S> {
    fn now_ms(&self) -> i64 {
        self.store.now_ms() + self.clock_off_ms.get()
    }

    async fn sleep(&self, duration: Duration) {
        self.store.sleep(duration).await;
    }

    /// Returns pseudo-random bits from the 128-bit multiplier of a published generator (PCG), enough for ids and
    /// jitter.
    fn random(&self) -> u128 {
        let next = self.drawn.get().wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        self.drawn.set(next);
        next ^ (next >> 64)
    }
}

impl<S: Store> Hints for Stand<S> {
    async fn send_hints(&self, _queue: JobQueue, messages: &[HintMessage]) -> Result<(), HintError> {
        self.hints.borrow_mut().extend_from_slice(messages);
        Ok(())
    }
}

impl<S> Stand<S> {
    fn objects(&self) -> Result<RefMut<'_, BTreeMap<String, Vec<u8>>>, BlobError> {
        if self.objects_fail.get() { Err(BlobError("unreachable".into())) } else { Ok(self.objects.borrow_mut()) }
    }
}

impl<S: Store> Blobs for Stand<S> {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.objects()?.insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BlobError> {
        Ok(self.objects()?.get(key).cloned())
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let range = usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap();
        Ok(self.objects()?.get(key).map(|bytes| bytes[range].to_vec()))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, BlobError> {
        let objects = self.objects()?;
        let found = objects.keys().filter(|key| key.starts_with(prefix) && key.as_str() > after.unwrap_or_default());
        Ok(found.take(limit as usize).cloned().collect())
    }

    async fn delete(&self, keys: &[String]) -> Result<(), BlobError> {
        self.objects()?.retain(|key, _| !keys.contains(key));
        Ok(())
    }

    async fn get_tagged(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, BlobError> {
        Ok(self.objects()?.get(key).map(|bytes| (bytes.clone(), sha256(bytes))))
    }

    async fn put_tagged(&self, key: &str, bytes: &[u8], tag: &str) -> Result<bool, BlobError> {
        Ok(put_if(&mut *self.objects()?, key, bytes, tag))
    }
}

/// Replaces an object if its tag is `tag`, as R2 does. Returns true if it was replaced.
pub fn put_if(objects: &mut BTreeMap<String, Vec<u8>>, key: &str, bytes: &[u8], tag: &str) -> bool {
    let object = objects.get_mut(key).filter(|object| sha256(object) == tag);
    object.map(|object| *object = bytes.to_vec()).is_some()
}

impl<S: Store> Http for Stand<S> {
    async fn send_request(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.requests.borrow_mut().push(request.clone());
        let (status, body) = (self.status.get(), b"answer".to_vec());
        Ok(HttpResponse { status, headers: Vec::new(), body, truncated: false, body_error: None })
    }
}
