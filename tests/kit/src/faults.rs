//! The faults that a local run injects (`tests/local/faults.mjs`), chosen by tests.

use serde::{Deserialize, Serialize};

/// How a binding answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As it should.
    #[default]
    Ok,
    /// With success, though nothing was done. Queues only.
    Drop,
    /// With an error.
    Fail,
    /// Not at all.
    Hang,
    /// With the error of an account whose daily operations are spent. Queues only.
    Spent,
}

/// The daily rows of D1 that the account has spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpentRows {
    /// There are some left of both.
    #[default]
    None,
    /// Those that are read: what only writes goes on.
    Reads,
    /// Those that are written: what only reads goes on.
    Writes,
    /// Both.
    All,
}

/// All faults at once; the default is none.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Faults {
    /// Calls to the object store.
    pub r2: Mode,
    /// Sends of hints.
    pub hints: Mode,
    /// Of a thousand D1 batches: how many fail with nothing done.
    pub d1_errors_per_mille: u32,
    /// Of a thousand D1 batches: how many commit and then fail.
    pub d1_lost_per_mille: u32,
    /// From now on D1 answers nothing for so long, or until this is set anew; what is still wanted then is run then.
    pub d1_stall_ms: u32,
    /// Random bits, which a request draws at its start: none come with `fail`.
    pub random: Mode,
    /// The daily rows that are spent.
    pub d1_spent: SpentRows,
    /// Every queue batch is delivered twice, at once.
    pub twice: bool,
    /// The Worker, `producer` or `consumer`, whose next D1 batch makes its wasm panic, once.
    pub panic: Option<&'static str>,
    /// What draws which batches fail.
    pub seed: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            r2: Mode::Ok,
            hints: Mode::Ok,
            random: Mode::Ok,
            d1_errors_per_mille: 0,
            d1_lost_per_mille: 0,
            d1_stall_ms: 0,
            d1_spent: SpentRows::None,
            twice: false,
            panic: None,
            seed: 1,
        }
    }
}

/// How often each fault was really injected.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Injected {
    /// Calls that failed.
    pub fail: u64,
    /// D1 batches that committed and failed.
    pub lose: u64,
    /// D1 batches that had to wait.
    pub stall: u64,
    /// Messages that were asked for again; no fault, but counted with them.
    pub retry: u64,
    /// Calls that a daily limit refused.
    pub spent: u64,
    /// Queue batches that were delivered twice.
    pub twice: u64,
    /// Panics.
    pub panic: u64,
}

/// The instants at which workerd is killed: after a call of that kind is done, before anybody hears its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Jobs are durable, their caller knows nothing.
    Insert,
    /// Hints are on the queue.
    Hint,
    /// Jobs are under a lease, nothing was sent.
    Claim,
    /// A destination has answered, nobody knows what.
    Request,
    /// Evidence is written, its attempts are not settled.
    Evidence,
    /// Outcomes are recorded.
    Settle,
}

impl Point {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 6] = [Self::Insert, Self::Hint, Self::Claim, Self::Request, Self::Evidence, Self::Settle];
}
