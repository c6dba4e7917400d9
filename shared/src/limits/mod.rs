//! All limits, each with its arithmetic and source, and the two plans.
//!
//! The local runtime enforces few of the platform's limits, so the code asserts them.

mod actions;
mod bulk;
mod causes;
mod claims;
pub mod cost;
pub mod plan;
mod platform;
mod retention;
mod statistics;
mod status;

pub use actions::*;
pub use bulk::*;
pub use causes::*;
pub use claims::*;
pub use platform::*;
pub use retention::*;
pub use statistics::*;
pub use status::*;

// ---- Time: clocks, leases, the sweep ----

/// Allowed difference between the time in an id and the database's clock. Beyond it the id is minted again.
pub const ID_SKEW_MS_MAX: i64 = 20_000;
/// Distance by which the watermark trails the database's clock. A row commits at most [`ID_SKEW_MS_MAX`] after its id's
/// time, and 45 s > 20 s, so no row commits below the watermark.
pub const WATERMARK_LAG_MS: i64 = 45_000;
/// Time by which a job may be claimed early: a queue rounds delays to seconds.
pub const CLAIM_TOLERANCE_MS: i64 = 2_000;
/// Longest time that a lease covers without heartbeats. Longer attempts rely on heartbeats, so a ten-minute task whose
/// Worker died is retried after one minute.
pub const LEASE_COVERS_MS_MAX: i64 = 60_000;
/// Shortest lease.
pub const LEASE_MS: i64 = 30_000;
/// Rest of a lease, beyond the attempt's timeout, that an attempt needs at its start, and that an attempt with
/// heartbeats needs before a call to a provider. A request under way then ends within the lease.
pub const LEASE_MARGIN_MS: i64 = 5_000;
/// Shortest difference between lease and timeout: the margin, and 5 s to wait for a connection.
pub const LEASE_SLACK_MS: i64 = 10_000;
/// Interval at which slow attempts renew their leases: three times in the shortest lease.
pub const HEARTBEAT_MS: i64 = 10_000;
/// Time for which the sweep leaves a job alone after a hint, doubled per dispatch.
pub const REDISPATCH_BACKOFF_MS: i64 = 60_000;
/// Longest time for which the sweep leaves an unclaimed job alone.
pub const REDISPATCH_BACKOFF_MS_MAX: i64 = 3_600_000;
/// Dispatches without a claim after which the sweep runs the job itself.
pub const DISPATCHES_BEFORE_SWEEP_RUNS: i64 = 2;
/// Time without a hint after which an isolate's next one goes to the queue that does not wait: as long as the other
/// queue waits for more messages (`max_batch_timeout` of `HINTS_QUEUE`), so a batch is rarely lost.
pub const EXPRESS_QUIET_MS: i64 = 1_000;
/// Maximum jobs of an express message. More are a batch already, and cost less together with others.
pub const EXPRESS_JOBS_MAX: usize = 5;
/// Longest wait for which a job gets a delayed hint. The sweep handles longer waits.
pub const HINT_DELAY_MS_MAX: i64 = 120_000;
/// Maximum rows of one sweep step; D1 advises about 1,000 per statement.
pub const SWEEP_ROWS_MAX: i64 = 500;
/// Age of an expired lease above which the sweep counts no crash: several rounds were missed, because nothing could be
/// written or no cron ran, so the Worker may be well. A sweep in time comes within 2 minutes.
pub const CRASH_SEEN_MS_MAX: i64 = 10 * 60_000;
/// Extension of a completion that fell due while nothing could be written: its caller was asked to try again.
pub const COMPLETION_GRACE_MS: i64 = 15 * 60_000;
/// Longest move of the watermark; a sweep after a long gap makes several.
pub const WATERMARK_STEP_MS_MAX: i64 = HOUR_MS;
/// Divisor of the move after a failed one, down to [`WATERMARK_STEP_MS_MIN`]: an hour, a minute, a second.
pub const WATERMARK_STEP_DIVISOR: i64 = 60;
/// Shortest move of the watermark.
pub const WATERMARK_STEP_MS_MIN: i64 = 1_000;
/// Pairs of tenant and hour in one batch of the retention: 3 statements and at most 1,000 rows each.
pub const PURGED_HOURS_AT_ONCE: i64 = 10;
/// Pause after a release of jobs, whose destination is slow: the invocation claims nothing while it has other work, and
/// the hints of the released jobs have this delay.
pub const RELEASE_PAUSE_MS: i64 = 10_000;
/// Seconds of each minute at which the sweep runs on the paid plan.
pub const SWEEP_AT_SECONDS: [i64; 3] = [0, 20, 40];

// ---- The executor ----

/// Longest put of evidence; after it the evidence is stored inline.
pub const EVIDENCE_PUT_MS: i64 = 5_000;
/// Bytes of evidence stored inline in the log entry when R2 fails.
pub const EVIDENCE_INLINE_BYTES: usize = 2_048;
/// Largest body in which values at pointers are redacted; a larger one is redacted as a whole.
pub const REDACTED_BODY_BYTES_MAX: usize = 256 * 1024;
/// Crashes of a job that runs alone after which it is dead: `crash_loop`.
pub const CRASHES_MAX: i64 = 3;
/// Longest call of D1, which ends calls after 30 s. After it the database counts as out of reach.
pub const DATABASE_MS_MAX: i64 = 30_000;
/// Tries of one D1 batch whose error may pass.
pub const DATABASE_TRIES: usize = 3;
/// Longest send to a queue; after it the job is left to the sweep (F2: sends hung for 57 s before failing).
pub const SEND_MS_MAX: i64 = 2_000;
/// Rows that one step of a rotation of the master key visits.
pub const RESEALED_ROWS: i64 = 250;
/// Bytes of changes after which such a step handles no further row: with the most headers of one row, old and new, it
/// stays below the 2 MB that D1 accepts as a parameter.
pub const RESEALED_BYTES: usize = 512 * 1024;

// ---- Large payloads, which are objects on R2 ----

/// Bytes of payloads from R2 that the attempts of one invocation hold at once. Each may exist three times: as the
/// object, as the request, and as what the runtime sends. That is 48 MiB, plus 15 MiB while one of 5 MiB is built, of
/// the 128 MB of an isolate that may run two invocations at once.
pub const IN_FLIGHT_PAYLOAD_BYTES: i64 = 16 * 1024 * 1024;
/// Longest put of a payload; after it the accept is refused.
pub const PAYLOAD_PUT_MS: i64 = 10_000;
/// Longest read of a payload: less than [`LEASE_MARGIN_MS`], so that the lease still covers the attempt's timeout.
pub const PAYLOAD_GET_MS: i64 = 4_000;
/// First wait after an attempt whose payload could not be read; it doubles each time.
pub const PAYLOAD_WAIT_SECONDS: u64 = 10;
/// Maximum doublings of that wait: up to 640 s, so the [`SENDS_MAX`] of a job outlast 16 hours without R2.
pub const PAYLOAD_WAIT_DOUBLINGS: u32 = 6;
/// Longest list or deletion of objects; the next walk finds the rest.
pub const OBJECTS_MS_MAX: i64 = 5_000;
/// Maximum objects of one deletion (developers.cloudflare.com/r2/api/workers/workers-api-reference).
pub const OBJECTS_PER_DELETE: usize = 1_000;
/// Objects of payloads that one sweep compares with their rows.
pub const OBJECTS_PER_SWEEP: u32 = 100;
/// Age at which an object without a row is an orphan. No row is inserted more than [`ID_SKEW_MS_MAX`] after the time in
/// its id, so a minute would suffice.
pub const ORPHAN_AGE_MS: i64 = HOUR_MS;
/// Time between two walks over all objects.
pub const ORPHAN_WALK_MS: i64 = HOUR_MS;

// ---- Schedules ----

/// Maximum bytes of a cron expression: all sixty minutes and all days by name take 240.
pub const CRON_BYTES_MAX: usize = 256;
/// Years ahead in which an occurrence is searched: around 2100, 8 years lie between two leap days.
pub const OCCURRENCE_YEARS_MAX: i32 = 10;
/// Schedules of one round of a tick: one call reads them and one batch fires them.
pub const SCHEDULES_PER_ROUND: i64 = 50;
/// Missed occurrences of one schedule that fire in one round. With 50 schedules a batch inserts at most 500 rows.
pub const CATCH_UP_OCCURRENCES_AT_ONCE: usize = 10;
/// Missed occurrences of one schedule that fire with `catch_up: all`; older ones are recorded as missed.
pub const CATCH_UP_OCCURRENCES_MAX: usize = 100;
/// Lateness up to which an occurrence fires with `catch_up: none`.
pub const CATCH_UP_GRACE_MS: i64 = 5 * 60_000;
/// Shortest time between two occurrences of one schedule.
pub const OCCURRENCE_MS_MIN: i64 = 60_000;
/// Occurrences that a schedule remembers: about 200 bytes each, 10 KB in its row.
pub const HISTORY_MAX: i64 = 50;
/// Future occurrences that are shown.
pub const NEXT_OCCURRENCES_SHOWN: usize = 5;

// ---- Embeddings ----

/// Maximum texts of one job.
pub const EMBED_INPUTS_MAX: usize = 1_000;
/// Maximum bytes of a text's id.
pub const EMBED_ID_BYTES_MAX: usize = 256;
/// Maximum bytes of a text: four times the 8,192 tokens that the largest models of today accept.
pub const EMBED_TEXT_BYTES_MAX: usize = 128 * 1024;
/// Maximum dimensions of a model, and of a segment's vectors: the largest models of today have 4,096.
pub const EMBED_DIMENSIONS_MAX: usize = 4_096;
/// Maximum texts of one call, as many as the models of Workers AI accept (`maxItems` of their schemas).
pub const EMBED_TEXTS_PER_CALL: usize = 100;
/// Maximum bytes of the texts of one call: at least 75,000 tokens, below the 300,000 that OpenAI accepts.
pub const EMBED_BYTES_PER_CALL: usize = 300_000;
/// Maximum numbers in the answer of one call.
pub const EMBED_VALUES_PER_CALL: usize = 200_000;
/// Maximum bytes of one of these numbers: 5 MB in all.
pub const EMBED_VALUE_BYTES: usize = 25;
/// Jobs of one model that run at once and share calls; they use one connection together.
pub const EMBED_JOBS_AT_ONCE: usize = 20;
/// Longest call to a provider.
pub const EMBED_CALL_SECONDS: u64 = 30;
/// Time for which the first job that needs a model waits for others of its claim.
pub const EMBED_GATHER_MS: u64 = 20;
/// First wait after a 429 without a Retry-After of a provider; it doubles with each attempt.
pub const EMBED_WAIT_SECONDS: u64 = 20;
/// Maximum doublings of that wait: up to 21 minutes, so the [`SENDS_MAX`] of a job outlast a day.
pub const EMBED_WAIT_DOUBLINGS: u32 = 6;
/// Refused texts of a call without any vector after which the request itself counts as refused.
pub const EMBED_REFUSALS_MAX: usize = 3;
/// Longest time for the calls of one invocation: 5 minutes less than [`WALL_MS_MAX`], in which it must settle.
pub const EMBED_MS_MAX: i64 = 10 * 60_000;
/// Refused texts that a result names: 16 x (512 + 400) bytes at most.
pub const EMBED_REFUSED_SHOWN: usize = 16;
/// Characters of the reason that a result gives for a refused text.
pub const EMBED_REASON_CHARS: usize = 100;

// ---- Indexes ----

/// Approximate bytes of one JSON parameter of the search database: half of what D1 accepts; a large item may exceed it.
pub const INDEX_PARAMETER_BYTES: usize = 1_000_000;
/// Numbers of the embedding cache that one call reads: 5.3 bytes of base64 each, 2 MB.
pub const VECTORS_PER_READ: usize = 400_000;
/// Maximum bytes of a document's text. Escaping may double its bytes; one chunk may be as long as the text.
pub const DOCUMENT_BYTES_MAX: usize = 768 * 1024;
/// Maximum bytes of a document's metadata as JSON.
pub const DOCUMENT_METADATA_BYTES_MAX: usize = 2_048;
/// Minimum characters of a chunk.
pub const CHUNK_CHARS_MIN: u32 = 200;
/// Maximum characters of a chunk: models of today accept 8,192 tokens.
pub const CHUNK_CHARS_MAX: u32 = 8_000;
/// Maximum chunks of one document: with their offsets in its text, 62 bytes each, they are 250 KB of one row.
pub const DOCUMENT_CHUNKS_MAX: usize = 4_000;
/// Maximum texts that one attempt embeds. A longer document continues in the next attempt; that is no failure.
pub const INDEX_TEXTS_PER_ATTEMPT: usize = 500;
/// Tries of an attempt whose document is changed by other jobs at the same time.
pub const INDEX_TRIES: u32 = 4;
/// Wait in seconds before a document continues that is long or that other jobs change constantly.
pub const INDEX_GO_ON_SECONDS: u64 = 1;
/// Maximum chunks of one index, as far as a segment has room for their vectors.
pub const INDEX_CHUNKS_MAX: u64 = 50_000;
/// Maximum bytes of a segment: 13,729 vectors of 1,536 dimensions. A rebuild holds two, and R2's buffer, in 128 MB.
pub const SEGMENT_BYTES_MAX: u64 = 24_000_000;
/// Changed chunks after which a segment is rebuilt: a search reads them from rows, 2 KB each at 384 dimensions.
pub const MERGE_AFTER: u64 = 512;
/// Maximum chunks of one merge.
pub const MERGE_ROWS_MAX: i64 = 1_024;
/// Merges of one index version in a row: as many as all of its chunks require.
pub const MERGES_IN_A_ROW: u64 = INDEX_CHUNKS_MAX.div_ceil(MERGE_ROWS_MAX.unsigned_abs());

/// Maximum characters of a search query: a paragraph.
pub const QUERY_CHARS_MAX: usize = 4_096;
/// Maximum words of a query that are searched, and the same number of word parts.
pub const QUERY_WORDS_MAX: usize = 64;
/// Maximum results of one search.
pub const SEARCH_RESULTS_MAX: u32 = 100;
/// Default results of one search.
pub const SEARCH_RESULTS_DEFAULT: usize = 10;
/// Candidates found by words, from which the results are chosen: twice the maximum results.
pub const CANDIDATES: i64 = 200;
/// Candidates found by words if a filter may remove some.
pub const CANDIDATES_FILTERED: i64 = 5_000;
/// Documents whose metadata a filter reads in one call: 4 MB.
pub const FILTER_DOCUMENTS_PAGE: i64 = 2_000;
/// Candidates found by vectors. Some may be deleted since the last merge, at most [`MERGE_AFTER`] unless merges fail.
pub const CANDIDATES_VECTOR: usize = 2 * SEARCH_RESULTS_MAX as usize + 512;
/// Maximum chunks outside of segments that a search reads: four failed merges.
pub const TAIL_ROWS_MAX: i64 = 2_048;
/// Bytes of segments that an isolate caches, of its 128 MB; one segment may exceed it.
pub const SEGMENT_CACHE_BYTES: usize = 48 * 1024 * 1024;

/// Texts of a job that become documents in parallel and share calls to the provider.
pub const INGEST_AT_ONCE: usize = 50;
/// Bytes of these texts: those of 20 jobs are 5 MB.
pub const INGEST_BYTES_AT_ONCE: usize = 256 * 1024;
/// Attempts that the texts of a job may take, each with
/// [`Plan::index_documents`](crate::limits::plan::Plan::index_documents): the [`SENDS_MAX`] suffice for four such jobs
/// of one invocation.
pub const INGEST_ATTEMPTS: usize = 25;
/// Documents that one call of a rebuild reads.
pub const REBUILD_DOCUMENTS: i64 = 100;
/// Longest rebuild in one attempt: [`SENDS_MAX`] are 100 minutes.
pub const REBUILD_MS: i64 = 60_000;
/// Documents that one call of a verification compares.
pub const VERIFY_DOCUMENTS: i64 = 100;
/// Chunks that one call of a verification compares: 200 chunks of 1,536 dimensions are 3 MB.
pub const VERIFY_CHUNKS: i64 = 200;
/// Documents that a verification names.
pub const VERIFY_NAMED: usize = 16;
/// Chunks, layouts and documents that one sweep deletes. The words of chunks cost most: about 10 rows a chunk.
pub const CLEAR_CHUNKS: i64 = 500;
/// Vectors of the embedding cache that one sweep deletes.
pub const CLEAR_VECTORS: i64 = 500;
/// Age at which a vector of the embedding cache is deleted.
pub const CACHED_VECTOR_MS: i64 = 30 * DAY_MS;

// ---- Limits of requests ----

/// Default timeout of an attempt in seconds.
pub const TIMEOUT_SECONDS_DEFAULT: u32 = 20;
/// Maximum timeout of a webhook in seconds (Standard Webhooks advises 15 to 30 s).
pub const TIMEOUT_SECONDS_MAX: u32 = 30;
/// Maximum timeout of a task in seconds: 5 minutes less than the 15 that a consumer may take.
pub const TASK_TIMEOUT_SECONDS_MAX: u32 = 600;
/// Maximum bytes of the name of a task's kind.
pub const TASK_NAME_BYTES_MAX: usize = 64;
/// Maximum bytes of the path of a service.
pub const SERVICE_PATH_BYTES_MAX: usize = 1_000;
/// Tasks in one hint, and tasks that one sweep runs: an invocation makes five requests at once, which may take minutes.
pub const TASKS_AT_ONCE: usize = 5;
/// Tries of a completion to end its attempt: each further one has lost to another lease or outcome.
pub const COMPLETION_TRIES: usize = 3;
/// Maximum bytes of a task's result as JSON, in its answer or its completion.
pub const RESULT_BYTES_MAX: usize = 16_384;
/// Maximum nesting of a result: readers such as `serde_json` stop at 128, and lists and exports add 4 levels.
pub const RESULT_DEPTH_MAX: usize = 120;
/// Default time in seconds within which a deferred task must be completed.
pub const COMPLETION_SECONDS_DEFAULT: u32 = 3_600;
/// Maximum time in seconds that a deferred task may request.
pub const COMPLETION_SECONDS_MAX: u32 = 7 * 86_400;
/// Maximum characters of the message with which a task reports a failure.
pub const MESSAGE_CHARS_MAX: usize = 500;
/// Maximum number of attempts that may fail.
pub const MAX_ATTEMPTS_MAX: u32 = 50;
/// Maximum sends of one job, including those that do not count as failures. It bounds the log at about 25 KB.
pub const SENDS_MAX: u32 = 100;
/// Age up to which a `run_after` in the past means now, because the caller's clock may be wrong.
pub const RUN_AFTER_GRACE_MS: i64 = 60_000;
/// Maximum distance of `run_after` and `deadline_at` in the future: 366 days.
pub const RUN_AFTER_MS_MAX: i64 = 366 * DAY_MS;
/// Value of [`RUN_AFTER_MS_MAX`] in seconds.
pub const RUN_AFTER_SECONDS_MAX: u32 = 366 * 86_400;
/// Maximum jobs before an accepted one in its chain. It ends loops, such as a webhook to the deployment itself whose
/// job sends the same webhook. Intended chains have two or three jobs.
pub const HOPS_MAX: u32 = 10;
/// Maximum characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Interval at which the use of an API key is noted: one row an hour.
pub const KEY_USE_MS: i64 = HOUR_MS;
/// Maximum characters of an API key's name.
pub const KEY_NAME_CHARS_MAX: usize = 200;
/// Maximum characters of a note on a discarded dead letter.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// Default window of an idempotency key in seconds: 24 hours.
pub const KEY_WINDOW_SECONDS_DEFAULT: u32 = 86_400;
/// Maximum window of an idempotency key in seconds: 30 days.
pub const KEY_WINDOW_SECONDS_MAX: u32 = 30 * 86_400;
/// Maximum bytes of a request without jobs.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a job's request beside its payload.
pub const ENVELOPE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a payload kept inline in D1: a claim of 20 jobs reads 1.3 MB, one of 100 jobs 6.6 MB.
pub const PAYLOAD_INLINE_BYTES: usize = 64 * 1024;
/// Maximum of `PAYLOAD_BYTES`. A Worker that accepts such a payload holds it about six times: 30 of its 128 MB.
pub const PAYLOAD_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Maximum bytes of the request of one job, also if the deployment's limit was lowered: a repeat of an older request is
/// still read, and answered by its key.
pub const JOB_REQUEST_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + ENVELOPE_BYTES_MAX;
/// Maximum nesting of JSON: below `serde_json`'s 128 and SQLite's 1,000.
pub const JSON_DEPTH_MAX: usize = 64;
/// Maximum bytes of a job's metadata as JSON.
pub const METADATA_BYTES_MAX: usize = 2_048;
/// Maximum headers of a response in evidence. Some servers send 100, and a list of attempts reads the evidence of
/// [`ATTEMPTS_WITH_EVIDENCE_MAX`].
pub const RESPONSE_HEADERS_MAX: usize = 256;
/// Maximum bytes of these headers.
pub const RESPONSE_HEADER_BYTES_MAX: usize = 32 * 1024;
/// Maximum bytes of a name: tenant, endpoint, group, event id.
pub const NAME_BYTES_MAX: usize = 64;
/// Maximum bytes of a destination's URL.
pub const URL_BYTES_MAX: usize = 2_048;
/// Maximum headers that a job or an endpoint may set.
pub const HEADERS_MAX: usize = 32;
/// Maximum bytes of the value of such a header.
pub const HEADER_VALUE_BYTES_MAX: usize = 4_096;
/// Maximum items of one page of a list.
pub const PAGE_MAX: u32 = 100;
/// Default items of one page of a list.
pub const PAGE_DEFAULT: u32 = 50;
/// Latest attempts whose headers a list of attempts shows: each is a read of R2, and a request on the free plan has 50.
pub const ATTEMPTS_WITH_EVIDENCE_MAX: usize = 20;
/// Jobs that an export reads at once: at most 2 KB of metadata and 16 KB of result each. Lists use [`PAGE_DEFAULT`].
pub const EXPORT_PAGE: u32 = 200;
/// Whole jobs or schedules that a tenant's export reads at once: payloads of 64 KiB and logs of 25 KB make 1.8 MB.
pub const EXPORT_WHOLE_PAGE: u32 = 20;
/// Documents that a tenant's export reads at once: 6 MB of text.
pub const EXPORT_DOCUMENTS_PAGE: u32 = 8;
/// Maximum rows that one step of a filtered page reads; such a page may be short and still have a cursor.
pub const PAGE_ROWS_READ_MAX: i64 = 1_000;
/// Maximum steps of a filtered page: it reads on as long as it has found nothing, 4,000 rows at most.
pub const PAGE_STEPS_MAX: usize = 4;
/// Maximum number of filters by metadata in one request.
pub const METADATA_FILTERS_MAX: usize = 5;
/// Maximum of `?wait=` in seconds.
pub const WAIT_SECONDS_MAX: u32 = 30;
/// Longest Retry-After that is honoured: 24 hours.
pub const RETRY_AFTER_MS_MAX: i64 = DAY_MS;
/// Value of [`RETRY_AFTER_MS_MAX`] in seconds.
pub const RETRY_AFTER_SECONDS_MAX: u32 = 86_400;
/// Bytes of jobs in one parameter of an accept: below D1's 2 MB.
pub const ACCEPT_PARAMETER_BYTES: usize = 1_500_000;
/// Time for which both secrets sign after a rotation.
pub const ROTATION_OVERLAP_MS: i64 = DAY_MS;
/// Time for which a cursor of a list is valid.
pub const CURSOR_MS_MAX: i64 = DAY_MS;
/// Tries of an accept to mint ids that the database's clock accepts.
pub const MINTS_MAX: usize = 3;

// ---- Erasure ----

/// Maximum bytes of a subject: any that fits into metadata.
pub const SUBJECT_BYTES_MAX: usize = METADATA_BYTES_MAX;
/// Rows that one page of an erasure reads. Finding a subject's jobs reads all jobs of the tenant.
pub const ERASE_ROWS_READ: i64 = 1_000;
/// Jobs of one page: with logs of 25 KB at most they are 2.5 MB.
pub const ERASE_JOBS_AT_ONCE: i64 = 100;
/// Planned calls to search the packs of one lease; most leases have a few packs. See
/// [`Plan::erase_calls`](crate::limits::plan::Plan::erase_calls).
pub const ERASE_LEASE_CALLS_MAX: usize = 20;

// ---- Storage ----

/// Maximum size of a D1 database: 10 GB on the paid plan.
pub const DATABASE_BYTES_PAID: i64 = 10_000_000_000;
/// Maximum size of a D1 database on the free plan: 500 MB.
pub const DATABASE_BYTES_FREE: i64 = 500_000_000;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;
