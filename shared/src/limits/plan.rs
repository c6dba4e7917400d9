//! The limits of each Cloudflare plan, with their arithmetic.

use crate::limits::{
    ATTEMPTS_WITH_EVIDENCE_MAX, DATABASE_BYTES_FREE, DATABASE_BYTES_PAID, DAY_MS, PAYLOAD_BYTES_MAX,
    PAYLOAD_INLINE_BYTES, SENDS_MAX,
};

/// Limits of a Cloudflare plan. The default is `PLAN=free`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Name of the plan: `free` or `paid`.
    pub name: &'static str,
    /// Maximum jobs that one hint names.
    pub hint_jobs: usize,
    /// Jobs that one invocation runs before it sends new hints for the rest.
    pub jobs_per_invocation: usize,
    /// Bytes of one job's payload that are kept inline in D1.
    pub payload_inline_bytes: usize,
    /// Maximum bytes of one job's payload, unless `PAYLOAD_BYTES` is set. What exceeds the inline bytes is on R2.
    pub payload_bytes_max: usize,
    /// Maximum of `PAYLOAD_BYTES`.
    pub payload_bytes_settable: usize,
    /// Bytes of a request or response body that evidence keeps.
    pub evidence_body_bytes: usize,
    /// Sweeps per minute.
    pub sweeps_per_minute: usize,
    /// Maximum rounds of each sweep step, [`SWEEP_ROWS_MAX`](crate::limits::SWEEP_ROWS_MAX) rows each.
    pub sweep_rounds: usize,
    /// Maximum moves of the watermark in one sweep, [`WATERMARK_STEP_MS_MAX`](crate::limits::WATERMARK_STEP_MS_MAX)
    /// each.
    pub watermark_steps: usize,
    /// Maximum jobs that a sweep runs itself.
    pub sweep_runs: usize,
    /// Maximum accepts of one bulk request; the caller continues with another one.
    pub bulk_accepts: usize,
    /// Maximum pages of one export; its last line has the cursor for the next one.
    pub export_pages: usize,
    /// Maximum calls of D1 and R2 of one tenant export; its last line has the cursor for the next one. A job takes one
    /// more than [`Plan::export_evidence`] beside the two of its page, so each request makes progress.
    pub export_calls: usize,
    /// Bytes after which a tenant export begins no further job: writing costs CPU, about a second per 30 MB.
    pub export_bytes: usize,
    /// Latest attempts of one job whose evidence the tenant export shows.
    pub export_evidence: usize,
    /// Maximum rounds of one tick of the schedules, [`SCHEDULES_PER_ROUND`](crate::limits::SCHEDULES_PER_ROUND) each.
    pub tick_rounds: usize,
    /// Maximum steps of actions in one tick, and after the request that creates or resumes one.
    pub action_steps: usize,
    /// Maximum large payloads that one step of an action copies, with two calls each.
    pub action_copies: usize,
    /// Seconds for which a request that creates an action looks at its canary after the response. The tick does it later.
    pub action_canary_polls: usize,
    /// Maximum pages of an erasure in one sweep, [`ERASE_ROWS_READ`](crate::limits::ERASE_ROWS_READ) rows each.
    pub erase_pages: usize,
    /// Approximate calls with which an erasure overwrites evidence in one sweep: two per pack, a few more per lease
    /// that ended in a crash.
    pub erase_calls: usize,
    /// Maximum calls to providers by all jobs of one invocation together; its quarantined jobs get the same number
    /// again.
    pub embed_calls: usize,
    /// Documents that one attempt chunks again when it rebuilds or repairs an index, at 7 calls each.
    pub index_documents: usize,
    /// Retention of succeeded and cancelled jobs.
    pub retention_succeeded_ms: i64,
    /// Retention of dead letters.
    pub retention_dead_ms: i64,
    /// Maximum size of the database.
    pub database_bytes: i64,
    /// Subrequests of one invocation: fetches, D1 calls, R2 calls and queue sends together.
    pub subrequests: usize,
    /// True if totals are counted: false with `STATISTICS=off`.
    pub statistics: bool,
}

/// Limits of Workers Free: 10 ms CPU, 50 subrequests, 10,000 queue operations a day.
///
/// Each invocation must stay within the 50 subrequests. A test counts those of the batch, the sweep and the tick:
///
/// - A batch of 5 jobs spends at most 50, even if all are quarantined: one call finds them, then each spends a claim, a
///   fetch, a put, a settlement and a hint, 1 + 5 x 5, beside the claim, look-up and hint of the first pass. If the
///   jobs embed, 5 quarantined jobs spend 5 puts of vectors and [`Plan::embed_calls`] more, which find a refused text
///   among 4.
/// - A sweep spends 1 to read its state, 2 to move the watermark, 3 to resume, 5 a round to look, 2 to purge, 2 to
///   finish, 3 runs of 6, and 11 to erase: a page, 8 for its evidence, 1 for its payloads, a batch to delete its jobs.
///   For a lease that crashed, those 8 are 2 lists, 5 packs and a write.
/// - A tick spends 1 to note its time and 3 a round: read, fire, hint, each of 100 schedules at most. Then it spends 1 to read
///   actions, and 10 a step: 1 to read its jobs, 6 to copy [`Plan::action_copies`] payloads, 1 to write, and 2 hints. The request
///   that creates an action does as many steps beside 5 calls: its key, a preview, and the action.
/// - A bulk request spends 2 to check its key and note its use, and 5 an accept: insert, and hints to both queues, each
///   with two sends if 500 jobs have as many times.
/// - An export spends 2 a page, to check its key and to read. A tenant export spends 2 to check its key and note its
///   use, then [`Plan::export_calls`]: 2 a page, 1 a large payload and 1 a record of evidence. 4 are left.
pub const FREE: Plan = Plan {
    name: "free",
    hint_jobs: 5,
    jobs_per_invocation: 5,
    payload_inline_bytes: PAYLOAD_INLINE_BYTES,
    payload_bytes_max: PAYLOAD_INLINE_BYTES,
    payload_bytes_settable: PAYLOAD_INLINE_BYTES,
    evidence_body_bytes: 16 * 1024,
    sweeps_per_minute: 1,
    sweep_rounds: 1,
    watermark_steps: 2,
    sweep_runs: 3,
    bulk_accepts: 9,
    export_pages: 20,
    export_calls: 44,
    export_bytes: 256 * 1024,
    export_evidence: ATTEMPTS_WITH_EVIDENCE_MAX,
    tick_rounds: 2,
    action_steps: 4,
    action_copies: 3,
    action_canary_polls: 0,
    erase_pages: 1,
    erase_calls: 8,
    embed_calls: 6,
    index_documents: 3,
    retention_succeeded_ms: 3 * DAY_MS,
    retention_dead_ms: 14 * DAY_MS,
    database_bytes: DATABASE_BYTES_FREE,
    subrequests: 50,
    statistics: true,
};

/// Limits of Workers Paid: 30 s CPU, 10,000 subrequests. 4,500 jobs of an invocation spend 9,000 if each reads a large
/// payload, and about 200 for claims, flushes and hints. 20 rounds of 500 rows are 10,000 rows per step and sweep. 24
/// moves of the watermark catch up a day in one sweep. 20 rounds of a tick are 1,000 schedules a minute. 9,000 calls
/// export about 8,000 jobs of one attempt each, in pages of 20. 40 steps of actions replay 4,000 dead letters a minute with 8,200
/// calls, if each has a large payload, and 401 statements of D1, 10 a step. A request may work for 30 s after its response.
pub const PAID: Plan = Plan {
    name: "paid",
    hint_jobs: 100,
    jobs_per_invocation: 4_500,
    payload_inline_bytes: PAYLOAD_INLINE_BYTES,
    payload_bytes_max: 1024 * 1024,
    payload_bytes_settable: PAYLOAD_BYTES_MAX,
    evidence_body_bytes: 64 * 1024,
    sweeps_per_minute: 3,
    sweep_rounds: 20,
    watermark_steps: 24,
    sweep_runs: 50,
    bulk_accepts: 1_500,
    export_pages: 4_500,
    export_calls: 9_000,
    export_bytes: 64 * 1024 * 1024,
    export_evidence: SENDS_MAX as usize,
    tick_rounds: 20,
    action_steps: 40,
    action_copies: 100,
    action_canary_polls: 20,
    erase_pages: 20,
    erase_calls: 400,
    embed_calls: 1_000,
    index_documents: 1_000,
    retention_succeeded_ms: 7 * DAY_MS,
    retention_dead_ms: 30 * DAY_MS,
    database_bytes: DATABASE_BYTES_PAID,
    subrequests: 10_000,
    statistics: true,
};

impl Plan {
    /// Returns the plan of that name.
    pub fn named(name: &str) -> Option<Plan> {
        [FREE, PAID].into_iter().find(|plan| plan.name == name)
    }
}
