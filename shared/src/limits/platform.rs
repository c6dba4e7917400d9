//! Limits of the platform, and values that follow directly from them.

// ---- The platform: Queues (developers.cloudflare.com/queues/platform/limits) ----

/// Maximum bytes of one queue message. KB are 1,000 bytes there.
pub const MESSAGE_BYTES_MAX: usize = 128_000;
/// Maximum messages of one `sendBatch`.
pub const SEND_BATCH_MESSAGES_MAX: usize = 100;
/// Maximum bytes of all messages of one `sendBatch`.
pub const SEND_BATCH_BYTES_MAX: usize = 256_000;
/// Maximum messages of one batch that a consumer receives; `max_batch_size` of the paid plan.
pub const BATCH_MESSAGES_MAX: usize = 100;
/// Maximum delay of a queue message in seconds: 24 hours.
pub const QUEUE_DELAY_SECONDS_MAX: u32 = 86_400;

// ---- The platform: D1 (developers.cloudflare.com/d1/platform/limits) ----

/// Maximum parameters of one statement. All statements have a handful at most, because lists are one JSON parameter.
pub const BOUND_PARAMETERS_MAX: usize = 100;
/// Maximum bytes of one bound parameter, which is also the limit of a row.
pub const PARAMETER_BYTES_MAX: usize = 2_000_000;
/// Maximum bytes of one statement's text.
pub const SQL_BYTES_MAX: usize = 100_000;

// ---- The platform: Workers (developers.cloudflare.com/workers/platform/limits) ----

/// Connections of one invocation that may wait for headers at once; D1, R2 and queue sends share them with fetch.
pub const CONNECTIONS_MAX: usize = 6;
/// Requests that run at once: one of the six connections stays free for D1, R2 and the queue.
pub const REQUESTS_AT_ONCE: usize = CONNECTIONS_MAX - 1;
/// Requests that run at once to one destination, so that a slow one never takes all five. An endpoint may have another
/// limit.
pub const REQUESTS_PER_DESTINATION: usize = 2;
/// Default of an endpoint's `connections`: [`REQUESTS_PER_DESTINATION`].
pub const ENDPOINT_CONNECTIONS_DEFAULT: u32 = 2;
/// Maximum of an endpoint's `connections`: [`REQUESTS_AT_ONCE`].
pub const ENDPOINT_CONNECTIONS_MAX: u32 = 5;
const _: () = assert!(
    ENDPOINT_CONNECTIONS_DEFAULT as usize == REQUESTS_PER_DESTINATION
        && ENDPOINT_CONNECTIONS_MAX as usize == REQUESTS_AT_ONCE
);

/// Longest run of a Worker for a batch or a cron, including waits: 15 minutes. It can write nothing about jobs that it
/// claimed longer ago.
pub const WALL_MS_MAX: i64 = 15 * 60_000;
/// Maximum keys in one list of R2.
pub const LIST_KEYS_MAX: u32 = 1_000;
