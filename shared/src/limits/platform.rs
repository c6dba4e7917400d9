//! The platform's own limits, and what follows from them at once.

// ---- The platform: Queues (developers.cloudflare.com/queues/platform/limits) ----

/// Bytes of one queue message. KB are 1,000 bytes there.
pub const MESSAGE_BYTES_MAX: usize = 128_000;
/// Messages of one `sendBatch`.
pub const SEND_BATCH_MESSAGES_MAX: usize = 100;
/// Bytes of one `sendBatch`, all its messages together.
pub const SEND_BATCH_BYTES_MAX: usize = 256_000;
/// Seconds a queue may hold a message back: 24 hours.
pub const QUEUE_DELAY_SECONDS_MAX: u32 = 86_400;

// ---- The platform: D1 (developers.cloudflare.com/d1/platform/limits) ----

/// Parameters of one statement. Ours have at most a handful: lists travel as one JSON parameter.
pub const BOUND_PARAMETERS_MAX: usize = 100;
/// Bytes of one bound parameter, which is a row's limit too.
pub const PARAMETER_BYTES_MAX: usize = 2_000_000;
/// Bytes of one statement's text.
pub const SQL_BYTES_MAX: usize = 100_000;

// ---- The platform: Workers (developers.cloudflare.com/workers/platform/limits) ----

/// Connections of one invocation that may wait for headers at once; D1, R2 and queue sends share them with fetch.
pub const CONNECTIONS_MAX: usize = 6;
/// Requests that run at once: one connection of the six stays free for D1, R2 and the queue.
pub const REQUESTS_AT_ONCE: usize = CONNECTIONS_MAX - 1;
/// Requests that run at once to one destination, so that a slow one never takes all five.
pub const REQUESTS_PER_DESTINATION: usize = 2;

/// How long a Worker that takes a batch or a cron may run, waiting included: 15 minutes. What it claimed longer ago it can no
/// longer write anything of.
pub const WALL_MS_MAX: i64 = 15 * 60_000;
/// Keys that one list of R2 answers at most.
pub const LIST_KEYS_MAX: u32 = 1_000;
