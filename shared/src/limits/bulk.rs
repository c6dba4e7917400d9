//! Limits of batches and bulk requests, and the wait of a master key rotation that follows from them.

use super::{DATABASE_MS_MAX, PAYLOAD_PUT_MS, WALL_MS_MAX};

/// Maximum jobs of one JSON batch.
pub const BATCH_JOBS_MAX: usize = 1_000;
/// Maximum bytes of one JSON batch.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Lines of a bulk request that one accept stores: 200 accepts store 100,000 lines.
pub const BULK_LINES_AT_ONCE: usize = 500;
/// Maximum bytes of those lines, which are in memory at once.
pub const BULK_BYTES_AT_ONCE: usize = 1024 * 1024;
/// Pause of a bulk request after which the lines received so far are accepted.
pub const BULK_PAUSE_MS: i64 = 50;

/// Longest time for which a request is read. It seals with the keys that it began with, and a rotation must know when
/// the last such request has ended: see [`ROTATION_WAIT_MS`]. 100,000 lines take about two minutes.
pub const REQUEST_MS_MAX: i64 = 10 * 60_000;
/// Longest database call: its [`DATABASE_TRIES`](super::DATABASE_TRIES), a second of waits between them, and the note
/// of the key's use.
const ASK_MS_MAX: i64 = 3 * DATABASE_MS_MAX + 1_000 + DATABASE_MS_MAX;
/// Longest time to put the objects of one accept: [`BATCH_BYTES_MAX`] are 64 payloads above 64 KiB, of which
/// [`REQUESTS_AT_ONCE`](super::REQUESTS_AT_ONCE) are put at once.
const PUTS_MS_MAX: i64 = 13 * PAYLOAD_PUT_MS;
/// Longest time until lines that were read are durable: the key is checked twice, large jobs are looked up, and each of
/// the [`MINTS_MAX`](super::MINTS_MAX) puts and inserts. 19 minutes, if only the last try of every call is answered.
const ACCEPT_MS_MAX: i64 = 3 * ASK_MS_MAX + 3 * (PUTS_MS_MAX + ASK_MS_MAX);
/// Time for which a value sealed with the old master key may still be written after the new key is in use: by a request
/// that began before, [`REQUEST_MS_MAX`] and 19 minutes, or by a consumer, [`WALL_MS_MAX`]. The walk of a rotation ends
/// later.
pub const ROTATION_WAIT_MS: i64 = 30 * 60_000;

const _: () = assert!(REQUEST_MS_MAX + ACCEPT_MS_MAX < ROTATION_WAIT_MS && WALL_MS_MAX < ROTATION_WAIT_MS);
