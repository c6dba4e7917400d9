//! A running Longshore with a receiver: one that most tests share, and separate ones for tests that break things.

use std::future::Future;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use longshore_kit::client::Client;
use longshore_kit::options::{Options, ROOT_TOKEN};
use longshore_kit::receiver::Receiver;
use longshore_kit::runner::Runner;
use longshore_kit::scratch::Scratch;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::tenant::Tenant;

/// One runtime for all tests: the shared runner's connections and its receiver outlive the test that opened them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a machine that runs tests has threads"));

/// The shared world. Statics are never dropped, but the runner ends with its standard input, which ends with this
/// process.
static SHARED: LazyLock<World> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        // Kept until the next run, so that its log can be read after a failure.
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("workerd-shared");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        let mut options = Options::at(folder.join("data")).var("SWEEP_ONCE", "true");
        options.tick_seconds = 1;
        World::start(options).await
    })
});

/// Both Workers and a receiver.
pub(crate) struct World {
    pub(crate) runner: Runner,
    pub(crate) receiver: Receiver,
    /// A caller without a key.
    pub(crate) anyone: Client,
}

/// Runs a test on the shared runner, whose crons run each second.
pub(crate) fn shared(test: impl AsyncFnOnce(&'static World)) {
    let world = &*SHARED;
    RUNTIME.block_on(test(world));
}

/// Runs a test on a new runner, whose crons run only when the test ticks them.
pub(crate) fn alone(name: &str, change: impl FnOnce(&mut Options), test: impl AsyncFnOnce(&World)) {
    block_on(async {
        let scratch = Scratch::new(name).unwrap();
        let mut options = options_in(&scratch);
        change(&mut options);
        let world = World::start(options).await;
        test(&world).await;
        world.runner.stop().await.unwrap();
    });
}

/// Runs a test on a new runner with parts that fail on request.
pub(crate) fn with_faults(name: &str, test: impl AsyncFnOnce(&World)) {
    alone(name, |options| options.faults = true, test);
}

/// Options of a new runner in that folder, with crons that sweep once.
pub(crate) fn options_in(scratch: &Scratch) -> Options {
    Options::at(scratch.path().join("data")).var("SWEEP_ONCE", "true")
}

/// Tests all cases concurrently: most of the time of a delivery is spent waiting.
pub(crate) async fn each<T>(cases: impl IntoIterator<Item = T>, test: impl AsyncFn(T)) {
    join_all(cases.into_iter().map(|case| test(case))).await;
}

/// Runs a future to its end on the runtime of all tests.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

impl World {
    /// Starts a runner and a receiver.
    pub(crate) async fn start(options: Options) -> World {
        World::start_beside(Receiver::start().await.unwrap(), options).await
    }

    /// Kills both Workers as a power failure would, and restarts them on the same data. The receiver keeps running.
    pub(crate) async fn kill_and_start(self, options: Options) -> World {
        self.runner.kill_hard().await.unwrap();
        World::start_beside(self.receiver, options).await
    }

    /// Starts a runner beside an existing receiver.
    pub(crate) async fn start_beside(receiver: Receiver, options: Options) -> World {
        let runner = Runner::start(options).await.unwrap();
        let anyone = Client::new(runner.url(), "").unwrap();
        World { runner, receiver, anyone }
    }

    /// A new tenant with a key that has every scope.
    pub(crate) async fn tenant(&self) -> Tenant<'_> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("tenant-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.tenant_named(&name).await
    }

    /// A tenant of that name, with a new key.
    pub(crate) async fn tenant_named(&self, name: &str) -> Tenant<'_> {
        let (_, key) = self.key(name, &["admin"]).await;
        Tenant::new(self, name.to_owned(), self.anyone.with_key(&key))
    }

    /// Id and token of a new key; the tenant `*` means all.
    pub(crate) async fn key(&self, tenant: &str, scopes: &[&str]) -> (String, String) {
        let made = self.make_key(&json!({"tenant": tenant, "scopes": scopes})).await;
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    }

    /// Creates a key with `ROOT_TOKEN`.
    pub(crate) async fn make_key(&self, request: &Value) -> Value {
        let root = self.anyone.with_key(ROOT_TOKEN);
        let answer = root.post("/v1/keys", request).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body
    }

    /// Number that a query returns.
    pub(crate) async fn number(&self, sql: &str, params: Vec<Value>) -> u64 {
        self.runner.number(sql, params).await.unwrap()
    }

    /// Log of both Workers.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.runner.log()).unwrap()).into_owned()
    }
}
