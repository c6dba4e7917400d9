//! Limits of one invocation of the consumer: what it claims, keeps and flushes.

/// Jobs of the first claim of an invocation, and of a claim after a slow one.
pub const CLAIM_FIRST: usize = 20;
/// Maximum jobs of one claim. A claim has twice as many jobs as the one before if those started within
/// [`CLAIM_STARTED_MS`].
pub const CLAIM_MAX: usize = 100;
/// Time within which the jobs of a claim start if their destinations are fast. A lease leaves 5 s between the claim and
/// the start of an attempt.
pub const CLAIM_STARTED_MS: i64 = 1_000;
/// Approximate bytes of the payloads of one claim, beyond its first [`CLAIM_FIRST`] jobs: those of 20 jobs are 1.3 MB.
pub const CLAIM_BYTES: usize = 2 * 1024 * 1024;
/// Number of jobs waiting to start below which a new claim is made. Larger claims are made when a quarter waits.
pub const CLAIM_BELOW: usize = 5;
/// Time after which an invocation stops claiming and sends new hints for the rest.
pub const INVOCATION_MS: i64 = 60_000;
/// Statements of D1 after which an invocation stops claiming: D1 accepts 1,000 from one invocation on the paid plan, and
/// the jobs that run then still need a heartbeat, a flush and their hints.
pub const STATEMENTS_MAX: usize = 900;
/// Number of ready outcomes that triggers a flush.
pub const FLUSH_OUTCOMES: usize = 100;
/// Bytes of evidence that trigger a flush.
pub const FLUSH_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of results that trigger a flush. With the last result and 5 KB beside each of 100 results, one parameter stays
/// below the 2 MB that D1 accepts.
pub const FLUSH_RESULT_BYTES: usize = 1024 * 1024;
/// Age of the oldest ready outcome that triggers a flush.
pub const FLUSH_MS: i64 = 3_000;
