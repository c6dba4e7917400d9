//! Faults that a local run injects (`tests/local/faults.mjs`), chosen by tests.

use serde::{Deserialize, Serialize};

/// Behaviour of a binding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Works as usual.
    #[default]
    Ok,
    /// Reports success but does nothing. Queues only.
    Drop,
    /// Fails with an error.
    Fail,
    /// Sends no answer.
    Hang,
    /// Fails with the error of an account that has used up its daily operations. Queues only.
    Spent,
}

/// Daily rows of D1 that the account has used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpentRows {
    /// Rows are left to read and to write.
    #[default]
    None,
    /// No rows are left to read; statements that only write still work.
    Reads,
    /// No rows are left to write; statements that only read still work.
    Writes,
    /// No rows are left to read or to write.
    All,
}

/// All faults at once; the default is none.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Faults {
    /// Behaviour of the object store.
    pub r2: Mode,
    /// Behaviour of sends of hints.
    pub hints: Mode,
    /// Number of D1 batches in a thousand that fail with nothing done.
    pub d1_errors_per_mille: u32,
    /// Number of D1 batches in a thousand that commit and then fail.
    pub d1_lost_per_mille: u32,
    /// Duration in milliseconds for which D1 does not answer, until this field is set again; pending calls run after
    /// it.
    pub d1_stall_ms: u32,
    /// Behaviour of the random bits that a request draws at its start: with `fail` there are none.
    pub random: Mode,
    /// Daily rows that are used up.
    pub d1_spent: SpentRows,
    /// Delivers every queue batch twice, concurrently.
    pub twice: bool,
    /// Worker, `producer` or `consumer`, whose next D1 batch makes its wasm panic, once.
    pub panic: Option<&'static str>,
    /// Seed of the generator that chooses which batches fail.
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

/// Number of times that each fault was injected.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Injected {
    /// Calls that failed.
    pub fail: u64,
    /// Sends of hints that did nothing.
    pub drop: u64,
    /// D1 batches that committed and then failed.
    pub lose: u64,
    /// D1 batches that had to wait.
    pub stall: u64,
    /// Messages that were retried: not a fault, but counted here.
    pub retry: u64,
    /// Calls that a daily limit refused.
    pub spent: u64,
    /// Queue batches that were delivered twice.
    pub twice: u64,
    /// Panics.
    pub panic: u64,
}

/// Points at which workerd is killed: after a call of that kind is done, before its caller gets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Jobs are durable; their caller has no answer yet.
    Insert,
    /// Hints are on the queue.
    Hint,
    /// Jobs are under a lease; nothing is sent yet.
    Claim,
    /// A destination has answered; the answer is not read yet.
    Request,
    /// Evidence is written; its attempts are not settled yet.
    Evidence,
    /// Outcomes are recorded.
    Settle,
}

impl Point {
    /// All points in the order of a job's life.
    pub const ALL: [Self; 6] = [Self::Insert, Self::Hint, Self::Claim, Self::Request, Self::Evidence, Self::Settle];
}
