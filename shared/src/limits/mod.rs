//! Every limit Longshore knows, with its arithmetic and where it comes from, and the two plans.
//!
//! The local runtime enforces few of the platform's limits, so the code asserts them itself.

mod bulk;
pub mod plan;
mod platform;

pub use bulk::*;
pub use platform::*;

// ---- Time: clocks, leases, the sweep ----

/// How far the clock that minted an id may be from the database's; beyond, the id is minted again.
pub const ID_SKEW_MS_MAX: i64 = 20_000;
/// The watermark trails the database's clock by this much. A row commits at most [`ID_SKEW_MS_MAX`] after its id's time,
/// so with 45 s > 20 s no row can commit below the watermark.
pub const WATERMARK_LAG_MS: i64 = 45_000;
/// A job may be claimed this much before its time: a queue's delay is rounded to seconds.
pub const CLAIM_TOLERANCE_MS: i64 = 2_000;
/// The longest time that a lease covers by itself. An attempt that may take longer lives on heartbeats, so that a task of
/// ten minutes whose worker died is tried again after one.
pub const LEASE_COVERS_MS_MAX: i64 = 60_000;
/// The shortest lease.
pub const LEASE_MS: i64 = 30_000;
/// How much of a lease must be left beyond an attempt's timeout when the attempt starts, and of one that lives on heartbeats when it
/// asks a provider: what is on its way then arrives within the lease.
pub const LEASE_MARGIN_MS: i64 = 5_000;
/// A lease lasts at least this much longer than the attempt's timeout: the margin, and 5 s to wait for a connection.
pub const LEASE_SLACK_MS: i64 = 10_000;
/// Slow attempts have their leases renewed this often: three times in the shortest lease.
pub const HEARTBEAT_MS: i64 = 10_000;
/// After a hint the sweep leaves a job alone for this long, doubled per dispatch.
pub const REDISPATCH_BACKOFF_MS: i64 = 60_000;
/// The longest the sweep leaves an unclaimed job alone.
pub const REDISPATCH_BACKOFF_MS_MAX: i64 = 3_600_000;
/// After this many dispatches without a claim the sweep runs the job itself.
pub const DISPATCHES_BEFORE_SWEEP_RUNS: i64 = 2;
/// A job that is due sooner than this gets a delayed hint; longer waits belong to the sweep.
pub const HINT_DELAY_MS_MAX: i64 = 120_000;
/// Rows that one sweep step touches at most: D1's advice is about 1,000 per statement.
pub const SWEEP_ROWS_MAX: i64 = 500;
/// A sweep that sees an ended lease later than this has missed several rounds, because nothing could be written, or no cron
/// came: whether the worker crashed nobody knows, and its job is not blamed for it. On time it comes within 2 minutes.
pub const CRASH_SEEN_MS_MAX: i64 = 10 * 60_000;
/// How long a completion is waited for that fell due while nothing could be written: its caller was told to come again.
pub const COMPLETION_GRACE_MS: i64 = 15 * 60_000;
/// How far one move of the watermark goes at most; a sweep that was missing for long catches up in several.
pub const WATERMARK_STEP_MS_MAX: i64 = HOUR_MS;
/// When a move fails, the next is this much shorter, until
pub const WATERMARK_STEP_DIVISOR: i64 = 60;
/// this: an hour, a minute, a second.
pub const WATERMARK_STEP_MS_MIN: i64 = 1_000;
/// Pairs of tenant and hour that one batch of the retention handles: 3 statements and at most 1,000 rows each.
pub const PURGED_HOURS_AT_ONCE: i64 = 10;
/// After handing jobs back, an invocation claims nothing for this long while it has something to do, and their hints come
/// after it: their destination is slow.
pub const HAND_BACK_PAUSE_MS: i64 = 10_000;
/// The seconds within the minute at which the sweep runs (paid plan).
pub const SWEEP_AT_SECONDS: [i64; 3] = [0, 20, 40];

// ---- The executor ----

/// Jobs that one statement claims at most.
pub const CLAIM_MAX: usize = 20;
/// A new claim is made when fewer jobs than this wait to start.
pub const CLAIM_BELOW: usize = 5;
/// An invocation stops claiming after this long and hints the rest again.
pub const INVOCATION_MS: i64 = 60_000;
/// Outcomes are flushed when this many are ready,
pub const FLUSH_OUTCOMES: usize = 50;
/// or when their evidence has this many bytes,
pub const FLUSH_BYTES: usize = 4 * 1024 * 1024;
/// or when the oldest has waited this long.
pub const FLUSH_MS: i64 = 3_000;
/// How long the evidence's put may take before the evidence goes inline.
pub const EVIDENCE_PUT_MS: i64 = 5_000;
/// Evidence kept inline in the log entry when R2 fails.
pub const EVIDENCE_INLINE_BYTES: usize = 2_048;
/// Bytes of a body in which values at pointers are redacted; a larger one is hidden whole.
pub const REDACTED_BODY_BYTES_MAX: usize = 256 * 1024;
/// Crashes of a job running alone after which it is dead: `crash_loop`.
pub const CRASHES_MAX: i64 = 3;
/// D1 ends a call after 30 s; one that has not answered by then is out of reach.
pub const DATABASE_MS_MAX: i64 = 30_000;
/// Tries of one D1 batch whose error says that trying again may help.
pub const DATABASE_TRIES: usize = 3;
/// A queue send that takes longer is left to the sweep (F2: sends hung for 57 s before failing).
pub const SEND_MS_MAX: i64 = 2_000;
/// Rows that one step of a rotation of the master key visits.
pub const RESEALED_ROWS: i64 = 250;
/// Bytes of changes after which such a step takes no further row: with the most headers of one row, old and new, below the
/// 2 MB that D1 takes as a parameter.
pub const RESEALED_BYTES: usize = 512 * 1024;

// ---- Large payloads, which are objects on R2 ----

/// Bytes of payloads from R2 that the attempts of one invocation hold at once. Each is there up to three times, as the
/// object, as the request, and as what the runtime sends: 48 MiB, and 15 MiB more while one of 5 MiB is put together, of the
/// 128 MB of an isolate that may run two invocations at once.
pub const IN_FLIGHT_PAYLOAD_BYTES: i64 = 16 * 1024 * 1024;
/// How long the put of a payload may take before the accept is refused.
pub const PAYLOAD_PUT_MS: i64 = 10_000;
/// How long reading a payload may take: less than [`LEASE_MARGIN_MS`], so that what is left of the lease still covers the
/// attempt's timeout.
pub const PAYLOAD_GET_MS: i64 = 4_000;
/// An attempt whose payload could not be read is made again after this long, doubled each time,
pub const PAYLOAD_WAIT_SECONDS: u64 = 10;
/// so often: up to 640 s, and the [`SENDS_MAX`] of a job outlast 16 hours without R2.
pub const PAYLOAD_WAIT_DOUBLINGS: u32 = 6;
/// How long listing or deleting objects may take; what remains is found by the next walk.
pub const OBJECTS_MS_MAX: i64 = 5_000;
/// Objects that one call deletes at most (developers.cloudflare.com/r2/api/workers/workers-api-reference).
pub const OBJECTS_PER_DELETE: usize = 1_000;
/// Objects of payloads that one sweep holds against their rows.
pub const OBJECTS_PER_SWEEP: u32 = 100;
/// How old an object without a row is before it is an orphan. No row is inserted more than [`ID_SKEW_MS_MAX`] after the time
/// in its id, so a minute would do.
pub const ORPHAN_AGE_MS: i64 = HOUR_MS;
/// How long after a walk over all objects the next one begins.
pub const ORPHAN_WALK_MS: i64 = HOUR_MS;

// ---- Schedules ----

/// Bytes of a cron expression: all sixty minutes and all days by name take 240.
pub const CRON_BYTES_MAX: usize = 256;
/// How far ahead an occurrence is looked for: from one 29 February to the next are 8 years around 2100.
pub const OCCURRENCE_YEARS_MAX: i32 = 10;
/// Schedules of one round of a tick: one call reads them and one batch fires them.
pub const SCHEDULES_PER_ROUND: i64 = 50;
/// Missed occurrences of one schedule that one round makes jobs of; the next one goes on. With 50 schedules a batch inserts at most
/// 500 rows.
pub const CATCH_UP_OCCURRENCES_AT_ONCE: usize = 10;
/// Missed occurrences of one schedule with `catch_up: all` that become jobs; the older ones are recorded as missed.
pub const CATCH_UP_OCCURRENCES_MAX: usize = 100;
/// With `catch_up: none`, a tick that comes this late still fires.
pub const CATCH_UP_GRACE_MS: i64 = 5 * 60_000;
/// The closest that two occurrences of one schedule are.
pub const OCCURRENCE_MS_MIN: i64 = 60_000;
/// Occurrences that a schedule remembers: about 200 bytes each, 10 KB in its row.
pub const HISTORY_MAX: i64 = 50;
/// Occurrences that are shown ahead.
pub const NEXT_OCCURRENCES_SHOWN: usize = 5;

// ---- Embeddings ----

/// Texts of one job,
pub const EMBED_INPUTS_MAX: usize = 1_000;
/// the bytes of the name of one,
pub const EMBED_ID_BYTES_MAX: usize = 256;
/// and of the text itself: four times the 8,192 tokens that the largest models of today take.
pub const EMBED_TEXT_BYTES_MAX: usize = 128 * 1024;
/// Dimensions of a model, and of a segment's vectors: the largest models of today have 4,096.
pub const EMBED_DIMENSIONS_MAX: usize = 4_096;
/// Texts of one call, as many as the models of Workers AI take (`maxItems` of their schemas),
pub const EMBED_TEXTS_PER_CALL: usize = 100;
/// bytes of them, which are 75,000 tokens and more: below the 300,000 that OpenAI takes,
pub const EMBED_BYTES_PER_CALL: usize = 300_000;
/// and numbers of its answer,
pub const EMBED_VALUES_PER_CALL: usize = 200_000;
/// which are at most this long each, 5 MB in all.
pub const EMBED_VALUE_BYTES: usize = 25;
/// Seconds that one call may take.
pub const EMBED_CALL_SECONDS: u64 = 30;
/// How long the first job that wants a model waits for others of its claim.
pub const EMBED_GATHER_MS: u64 = 20;
/// Seconds that a provider is left alone that answers 429 and does not say for how long, doubled with each attempt,
pub const EMBED_WAIT_SECONDS: u64 = 20;
/// so often: up to 21 minutes, and the [`SENDS_MAX`] of a job outlast a day.
pub const EMBED_WAIT_DOUBLINGS: u32 = 6;
/// Texts that a call may have refused alone, while none has a vector, before the request itself is taken for what is refused.
pub const EMBED_REFUSALS_MAX: usize = 3;
/// How long the calls of one invocation may take: 5 minutes less than the [`WALL_MS_MAX`] in which it must settle.
pub const EMBED_MS_MAX: i64 = 10 * 60_000;
/// Refused texts that a result names, and the characters of each reason: 16 x (512 + 400) bytes at most.
pub const EMBED_REFUSED_SHOWN: usize = 16;
/// See [`EMBED_REFUSED_SHOWN`].
pub const EMBED_REASON_CHARS: usize = 100;

// ---- Usage ----

/// Days that usage stays: a month can be compared with that of the year before. With one model it is 400 rows of a tenant.
pub const USAGE_DAYS: i64 = 400;

// ---- Indexes ----

/// Bytes of one JSON parameter of the store of search, about: half of what D1 takes, which an item may pass.
pub const INDEX_PARAMETER_BYTES: usize = 1_000_000;
/// Numbers of the embedding cache that one call reads: 5.3 bytes of base64 each, 2 MB.
pub const VECTORS_PER_READ: usize = 400_000;
/// Bytes of a document's text. Of its chunks each byte may be escaped as two, and one is no longer than the text.
pub const DOCUMENT_BYTES_MAX: usize = 768 * 1024;
/// Bytes of a document's metadata as JSON.
pub const DOCUMENT_METADATA_BYTES_MAX: usize = 2_048;
/// Characters of a chunk, at least
pub const CHUNK_CHARS_MIN: u32 = 200;
/// and at most: models of today take 8,192 tokens.
pub const CHUNK_CHARS_MAX: u32 = 8_000;
/// Chunks of one document: with their places in its text, 62 bytes each, they are 250 KB of one row.
pub const DOCUMENT_CHUNKS_MAX: usize = 4_000;
/// Texts that one attempt asks for at most. A longer document goes on in the next one, and spends no failure.
pub const INDEX_TEXTS_PER_ATTEMPT: usize = 500;
/// How often an attempt looks again at a document that other jobs change meanwhile.
pub const INDEX_TRIES: u32 = 4;
/// Seconds until a document goes on that is long, or that others change all the time.
pub const INDEX_GO_ON_SECONDS: u64 = 1;
/// Chunks of one index, as far as a segment has room for their vectors.
pub const INDEX_CHUNKS_MAX: u64 = 50_000;
/// Bytes of a segment: 13,729 vectors of 1,536 dimensions. Who makes one anew has two in its 128 MB, and what R2 sends or gets.
pub const SEGMENT_BYTES_MAX: u64 = 24_000_000;
/// Chunks that come or leave before a segment is made anew: a search reads as many vectors from rows, 2 KB at 384 dimensions.
pub const MERGE_AFTER: u64 = 512;
/// Chunks that one merge takes up at most.
pub const MERGE_ROWS_MAX: i64 = 1_024;
/// Merges of one index version in a row: as many as all of its chunks need.
pub const MERGES_IN_A_ROW: u64 = INDEX_CHUNKS_MAX.div_ceil(MERGE_ROWS_MAX.unsigned_abs());

/// Characters of a search query: a paragraph.
pub const QUERY_CHARS_MAX: usize = 4_096;
/// Words of it that are looked for, and as many parts of them.
pub const QUERY_WORDS_MAX: usize = 64;
/// Chunks that one search answers at most,
pub const SEARCH_RESULTS_MAX: u32 = 100;
/// and when nothing is said.
pub const SEARCH_RESULTS_DEFAULT: usize = 10;
/// Chunks that words find, of which those that are answered are chosen: twice as many as can be.
pub const CANDIDATES: i64 = 200;
/// The same where a filter then leaves some out.
pub const CANDIDATES_FILTERED: i64 = 5_000;
/// Documents whose metadata a filter looks at in one call: 4 MB of it.
pub const FILTER_DOCUMENTS_PAGE: i64 = 2_000;
/// Chunks that vectors find. Some have left since their segment was made, [`MERGE_AFTER`] at most unless merges fail.
pub const CANDIDATES_VECTOR: usize = 2 * SEARCH_RESULTS_MAX as usize + 512;
/// Chunks that no segment has, which a search reads at most: four merges that failed.
pub const TAIL_ROWS_MAX: i64 = 2_048;
/// Bytes of segments that an isolate keeps, of its 128 MB, but for one.
pub const SEGMENT_CACHE_BYTES: usize = 48 * 1024 * 1024;

/// Texts of a job that become documents side by side, and share calls of the provider,
pub const INGEST_AT_ONCE: usize = 50;
/// and their bytes: those of 20 jobs are 5 MB.
pub const INGEST_BYTES_AT_ONCE: usize = 256 * 1024;
/// Attempts that the texts of a job may take, of which each brings [`Plan::index_documents`](crate::limits::plan::Plan::index_documents):
/// the [`SENDS_MAX`] are enough for four such jobs of one invocation.
pub const INGEST_ATTEMPTS: usize = 25;
/// Documents that one call finds to be cut anew,
pub const REBUILD_DOCUMENTS: i64 = 100;
/// and how long one attempt goes on: [`SENDS_MAX`] are 100 minutes.
pub const REBUILD_MS: i64 = 60_000;
/// Documents, and chunks, that one call holds against each other: 200 chunks of 1,536 dimensions are 3 MB.
pub const VERIFY_DOCUMENTS: i64 = 100;
/// See [`VERIFY_DOCUMENTS`].
pub const VERIFY_CHUNKS: i64 = 200;
/// Documents that a verification names.
pub const VERIFY_NAMED: usize = 16;
/// Chunks, layouts and documents that one sweep clears away. Their words are the dearest: about 10 rows a chunk.
pub const CLEAR_CHUNKS: i64 = 500;
/// Vectors of the embedding cache that one sweep clears away,
pub const CLEAR_VECTORS: i64 = 500;
/// when nobody has made them for so long.
pub const KEPT_VECTOR_MS: i64 = 30 * DAY_MS;

// ---- What a caller may ask for ----

/// Seconds an attempt may take when nothing is said.
pub const TIMEOUT_SECONDS_DEFAULT: u32 = 20;
/// Seconds a webhook's attempt may take at most (Standard Webhooks advises 15 to 30 s).
pub const TIMEOUT_SECONDS_MAX: u32 = 30;
/// Seconds a task's attempt may take at most: 5 minutes less than the 15 that a consumer may take in all.
pub const TASK_TIMEOUT_SECONDS_MAX: u32 = 600;
/// Bytes of the name of a task's kind.
pub const TASK_NAME_BYTES_MAX: usize = 64;
/// Bytes of the path of a service.
pub const SERVICE_PATH_BYTES_MAX: usize = 1_000;
/// Tasks in one hint, and those that one sweep runs: an invocation has five requests at once, and all may take minutes.
pub const TASKS_AT_ONCE: usize = 5;
/// How often a completion looks for the attempt it ends: each try after the first has lost to another lease or outcome.
pub const COMPLETION_TRIES: usize = 3;
/// Bytes of JSON that a task may answer as its result, or bring with its completion.
pub const RESULT_BYTES_MAX: usize = 16_384;
/// Levels that a result may nest: readers such as `serde_json` stop at 128, and a list or an export has 4 around it.
pub const RESULT_DEPTH_MAX: usize = 120;
/// Seconds within which a deferred task is to be completed when it says nothing.
pub const COMPLETION_SECONDS_DEFAULT: u32 = 3_600;
/// Seconds that a deferred task may ask for at most.
pub const COMPLETION_SECONDS_MAX: u32 = 7 * 86_400;
/// Characters of the message with which a task says that it failed.
pub const MESSAGE_CHARS_MAX: usize = 500;
/// Attempts that may fail, at most.
pub const MAX_ATTEMPTS_MAX: u32 = 50;
/// Sends of one job at most, whatever a destination's Retry-After spares it. It bounds the log at about 25 KB.
pub const SENDS_MAX: u32 = 100;
/// A `run_after` this much in the past is the caller's clock, not a mistake: it means now.
pub const RUN_AFTER_GRACE_MS: i64 = 60_000;
/// How far ahead `run_after` and `deadline_at` may lie: 366 days.
pub const RUN_AFTER_MS_MAX: i64 = 366 * DAY_MS;
/// The same in seconds.
pub const RUN_AFTER_SECONDS_MAX: u32 = 366 * 86_400;
/// Jobs before one that is accepted: a webhook to a deployment of Longshore's, whose job is a webhook to the same, and so on
/// without end. Chains that somebody means have two or three.
pub const HOPS_MAX: u32 = 10;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// How often the use of an API key is noted: one row an hour.
pub const KEY_USE_MS: i64 = HOUR_MS;
/// Characters of an API key's name.
pub const KEY_NAME_CHARS_MAX: usize = 200;
/// Characters of a note on a discarded dead letter.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// How long an idempotency key holds when nothing is said: 24 hours.
pub const KEY_WINDOW_SECONDS_DEFAULT: u32 = 86_400;
/// How long an idempotency key may hold: 30 days.
pub const KEY_WINDOW_SECONDS_MAX: u32 = 30 * 86_400;
/// Bytes of a request that carries no job.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Room around a payload for the rest of a job's request.
pub const ENVELOPE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a payload that are kept inline in D1: a claim of 20 jobs reads 1.3 MB, below a row's and an answer's limits.
pub const PAYLOAD_INLINE_BYTES: usize = 64 * 1024;
/// Bytes that `PAYLOAD_BYTES` may allow a payload at most: one of them is in the memory of a Worker about six times while
/// it is accepted, 30 of the isolate's 128 MB.
pub const PAYLOAD_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Bytes of the request of one job, whatever the deployment's own limit is: the repeat of a request from before that limit was
/// lowered is read, and answered by its key.
pub const JOB_REQUEST_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + ENVELOPE_BYTES_MAX;
/// How deep JSON may nest: below `serde_json`'s 128 and SQLite's 1,000.
pub const JSON_DEPTH_MAX: usize = 64;
/// Bytes of a job's metadata, as JSON.
pub const METADATA_BYTES_MAX: usize = 2_048;
/// Headers of a response that evidence keeps, and their bytes: some servers send 100 headers, and a list of attempts reads
/// the evidence of [`ATTEMPTS_WITH_EVIDENCE_MAX`].
pub const RESPONSE_HEADERS_MAX: usize = 256;
/// See [`RESPONSE_HEADERS_MAX`].
pub const RESPONSE_HEADER_BYTES_MAX: usize = 32 * 1024;
/// Characters of a name: tenant, endpoint, group, event id.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of a destination's URL.
pub const URL_BYTES_MAX: usize = 2_048;
/// Headers a job or an endpoint may set,
pub const HEADERS_MAX: usize = 32;
/// and the bytes of one value.
pub const HEADER_VALUE_BYTES_MAX: usize = 4_096;
/// Items of one page of a list,
pub const PAGE_MAX: u32 = 100;
/// and how many when nothing is said.
pub const PAGE_DEFAULT: u32 = 50;
/// Attempts of one job, the latest, whose headers a list of attempts shows: each is a read of R2, and a request on the free
/// plan has 50.
pub const ATTEMPTS_WITH_EVIDENCE_MAX: usize = 20;
/// Jobs that an export reads at once: at most 2 KB of metadata and 16 KB of result each. Other lists take [`PAGE_DEFAULT`].
pub const EXPORT_PAGE: u32 = 200;
/// Whole jobs or schedules that the export of a tenant reads at once: with payloads of 64 KiB and logs of 25 KB they are 1.8 MB.
pub const EXPORT_WHOLE_PAGE: u32 = 20;
/// Documents that it reads at once: 6 MB of text.
pub const EXPORT_DOCUMENTS_PAGE: u32 = 8;
/// Rows that one filtered page reads at most; such a page may be short and still have a cursor.
pub const PAGE_ROWS_READ_MAX: i64 = 1_000;
/// Seconds that `?wait=` waits at most.
pub const WAIT_SECONDS_MAX: u32 = 30;
/// Retry-After is honoured up to here: 24 hours.
pub const RETRY_AFTER_MS_MAX: i64 = DAY_MS;
/// The same in seconds.
pub const RETRY_AFTER_SECONDS_MAX: u32 = 86_400;
/// Jobs of one parameter of an accept, by bytes: D1's 2 MB with room to spare.
pub const ACCEPT_PARAMETER_BYTES: usize = 1_500_000;
/// Two secrets sign for this long after a rotation.
pub const ROTATION_OVERLAP_MS: i64 = DAY_MS;
/// How long a cursor of a list may be used.
pub const CURSOR_MS_MAX: i64 = DAY_MS;
/// How often an accept mints its ids again when the database's clock refuses them.
pub const MINTS_MAX: usize = 3;

// ---- Erasure ----

/// Bytes of a subject: any that metadata has room for.
pub const SUBJECT_BYTES_MAX: usize = METADATA_BYTES_MAX;
/// Rows that one page of an erasure reads; a subject's jobs are found by reading all of the tenant's.
pub const ERASE_ROWS_READ: i64 = 1_000;
/// Jobs of one page: with logs of 25 KB at most they are 2.5 MB.
pub const ERASE_JOBS_AT_ONCE: i64 = 100;
/// What searching the packs of one lease is reckoned as: most have a few. See [`Plan::erase_calls`](crate::limits::plan::Plan::erase_calls).
pub const ERASE_LEASE_CALLS_MAX: usize = 20;

// ---- Storage ----

/// D1's hard size: 10 GB paid, 500 MB Free.
pub const DATABASE_BYTES_PAID: i64 = 10_000_000_000;
/// See [`DATABASE_BYTES_PAID`].
pub const DATABASE_BYTES_FREE: i64 = 500_000_000;
/// Above this percentage the sweep warns and deletes the oldest succeeded jobs first.
pub const STORAGE_WARN_PERCENT: i64 = 70;
/// Above this percentage new jobs are refused with `storage-full`: refuse, never lose.
pub const STORAGE_REFUSE_PERCENT: i64 = 90;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;
