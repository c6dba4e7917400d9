//! How many jobs one request may bring, for how long it is read, and what follows for a rotation of the master key.

use super::{DATABASE_MS_MAX, PAYLOAD_PUT_MS, WALL_MS_MAX};

/// Jobs of one JSON batch.
pub const BATCH_JOBS_MAX: usize = 1_000;
/// Bytes of one JSON batch.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Lines of a bulk request that one accept makes durable: with 200 of them 100,000 lines are in.
pub const BULK_LINES_AT_ONCE: usize = 500;
/// Bytes of those lines, which are in memory at once.
pub const BULK_BYTES_AT_ONCE: usize = 1024 * 1024;
/// A bulk request that pauses for this long has what it sent so far accepted.
pub const BULK_PAUSE_MS: i64 = 50;

/// How long a request is read. It seals with the keys that it began with, and a rotation must know when the last of them has ended:
/// see [`ROTATION_WAIT_MS`]. 100,000 lines take about two minutes.
pub const REQUEST_MS_MAX: i64 = 10 * 60_000;
/// One call of the database with its [`DATABASE_TRIES`](super::DATABASE_TRIES) and the second between them, and the note of the
/// key's use.
const ASK_MS_MAX: i64 = 3 * DATABASE_MS_MAX + 1_000 + DATABASE_MS_MAX;
/// The objects of one accept: [`BATCH_BYTES_MAX`] are 64 payloads above 64 KiB, of which
/// [`REQUESTS_AT_ONCE`](super::REQUESTS_AT_ONCE) are put at once.
const PUTS_MS_MAX: i64 = 13 * PAYLOAD_PUT_MS;
/// How long what was read may take until it is durable: the key is checked twice, large jobs are asked for, and each of the
/// [`MINTS_MAX`](super::MINTS_MAX) puts and inserts. 19 minutes, if the database answers nothing but the last of all tries.
const ACCEPT_MS_MAX: i64 = 3 * ASK_MS_MAX + 3 * (PUTS_MS_MAX + ASK_MS_MAX);
/// A value that was sealed with the old master key may be written for this long after the new key has taken over: by a request
/// that began before, [`REQUEST_MS_MAX`] and 19 minutes, or by a consumer, [`WALL_MS_MAX`]. The walk of a rotation ends later.
pub const ROTATION_WAIT_MS: i64 = 30 * 60_000;

const _: () = assert!(REQUEST_MS_MAX + ACCEPT_MS_MAX < ROTATION_WAIT_MS && WALL_MS_MAX < ROTATION_WAIT_MS);
