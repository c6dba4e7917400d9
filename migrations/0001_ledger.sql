-- The ledger: every table, state and index of the job pipeline, in one file until the first release.
-- Times are milliseconds since 1970 by the database's own clock unless a comment says otherwise.

CREATE TABLE jobs (
  tenant TEXT NOT NULL,              -- whose job it is; first in every key
  id TEXT NOT NULL,                  -- job_ + 2 shard characters + ULID
  state TEXT NOT NULL CHECK (state IN
    ('scheduled', 'queued', 'running', 'retrying', 'held', 'succeeded', 'dead', 'cancelled')),
  attempt INTEGER NOT NULL DEFAULT 0,      -- sends so far, the running one included; the log has as many entries
  failures INTEGER NOT NULL DEFAULT 0,     -- the part of them that counts against max_attempts
  crashes INTEGER NOT NULL DEFAULT 0,      -- crashes while it ran alone in quarantine
  quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1)), -- 1: its last lease ended unsettled, it runs alone
  deferred INTEGER NOT NULL DEFAULT 0 CHECK (deferred IN (0, 1)), -- 1: its attempt was answered with "deferred" and ends
                                     -- when its completion comes, or its lease ends
  dispatches INTEGER NOT NULL DEFAULT 0,   -- hints the sweep sent since the last claim
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)), -- no further attempt, please
  run_after INTEGER NOT NULL,        -- the claim's guard; not indexed
  next_check_at INTEGER,                   -- when the sweep must look; NULL on the happy path
  lease_token TEXT,                  -- who runs it; every later write must name it
  lease_until INTEGER,               -- when the lease ends
  created_at INTEGER NOT NULL,       -- the time in its id, by the producer's clock
  scheduled_at INTEGER,              -- the time the caller asked for; NULL: at once
  scheduled_for INTEGER,             -- the occurrence that its schedule made it for, whenever its tick came
  deadline_at INTEGER,               -- no attempt starts after this
  finished_at INTEGER,               -- when it became terminal
  kind TEXT NOT NULL,                -- what runs it; not enumerated here, so that a kind needs no migration
  endpoint TEXT NOT NULL DEFAULT '', -- the endpoint it goes to; '' for a bare url
  event_id TEXT,                     -- the webhook-id; NULL: the job's own id
  max_attempts INTEGER NOT NULL CHECK (max_attempts BETWEEN 1 AND 50), -- failures it may have
  backoff TEXT NOT NULL,             -- the named schedule of its retries
  idempotency_key TEXT,              -- as sent; NULL once its window ended or when there was none
  key_until INTEGER,                 -- when the key's window ends
  digest TEXT NOT NULL,              -- its version, a dot, SHA-256 of the canonical request without the key, base64url
  job_group TEXT,                    -- the caller's label
  schedule TEXT,                     -- the schedule that made it
  traceparent TEXT,                  -- of its request, or NULL; each attempt goes on with it
  tracestate TEXT,                   -- the same
  hops INTEGER NOT NULL DEFAULT 0,   -- the Longshore-Hops of its request: 0 unless a job's request made it
  metadata TEXT CHECK (metadata IS NULL OR json_valid(metadata)), -- the caller's JSON object
  dead_state TEXT CHECK (dead_state IN ('open', 'replayed', 'discarded')), -- the dead letter's own state
  dead_reason TEXT,                  -- attempts_exhausted, not_retryable, deadline, crash_loop
  note TEXT,                         -- what an operator wrote when discarding
  replay_of TEXT,                    -- the finished job that this one sends again: a dead one that was replayed, or one that was resent
  replayed_by TEXT,                  -- the job that replays this dead one
  error TEXT CHECK (error IS NULL OR json_valid(error)),    -- {class, fault, message, retryable}
  result TEXT CHECK (result IS NULL OR json_valid(result)), -- what the handler answered
  result_error TEXT,                 -- why a job that succeeded has no result: the code of the reason, or NULL
  log TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(log)),   -- one entry per attempt, addressed by number
  payload_bytes INTEGER CHECK (payload_bytes > 0), -- of the object payloads/{id}/{tenant} with the bulk of a large payload; NULL:
                                     -- all of it is inline. It stays until the row leaves
  payload TEXT,                      -- as accepted; emptied when the job succeeds, unless its endpoint keeps payloads
  PRIMARY KEY (tenant, id),
  CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'dead', 'cancelled'))),
  CHECK ((lease_token IS NOT NULL) = (state = 'running')),
  CHECK ((lease_until IS NOT NULL) = (state = 'running')),
  CHECK ((dead_state IS NOT NULL) = (state = 'dead')),
  CHECK ((key_until IS NOT NULL) = (idempotency_key IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- One job per key; the scope is tenant + kind + endpoint.
CREATE UNIQUE INDEX jobs_by_key ON jobs (tenant, idempotency_key, kind, endpoint) WHERE idempotency_key IS NOT NULL;
-- What the sweep must look at. It alone serves retries, schedules, re-dispatch back-off, ended leases and purges.
CREATE INDEX jobs_to_next_check_at ON jobs (next_check_at) WHERE next_check_at IS NOT NULL;
-- What waits for an endpoint or the pipeline to be resumed.
CREATE INDEX jobs_held ON jobs (tenant, endpoint) WHERE state = 'held';
-- Dead letters nobody has dealt with, by time of death.
CREATE INDEX jobs_dead_open ON jobs (tenant, finished_at, id) WHERE dead_state = 'open';

CREATE TABLE endpoints (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'deleted')), -- deleted: a tombstone, its jobs die by name
  paused_reason TEXT,                -- operator; gone: it answered 410; config: the service is missing
  url TEXT NOT NULL,                 -- the path, where there is a service
  service TEXT,                      -- the service binding HANDLER_... of the consumer that jobs go to
  headers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(headers)), -- [[name, sealed value], ...]
  timeout_seconds INTEGER NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 600),
  backoff TEXT NOT NULL,             -- the named schedule of retries
  max_attempts INTEGER NOT NULL CHECK (max_attempts BETWEEN 1 AND 50),
  evidence TEXT NOT NULL CHECK (evidence IN ('full', 'failures', 'none')),
  keep_payload INTEGER NOT NULL DEFAULT 0 CHECK (keep_payload IN (0, 1)), -- 1: its jobs keep their payload when they succeed
  dead_letter_on TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(dead_letter_on)), -- error classes that kill at once
  redact TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(redact)),   -- {headers, body_pointers}
  secret_version INTEGER NOT NULL DEFAULT 1, -- of the signing secret
  rotated_at INTEGER,                -- when the version last changed; both sign for 24 h
  failing_since INTEGER,             -- since when nothing has succeeded; written on change only
  last_success_at INTEGER,           -- written on change and then once an hour at most
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,               -- the public part of the token
  hash TEXT NOT NULL,                -- SHA-256 of the whole token, hex; the token has 256 random bits
  tenant TEXT NOT NULL,              -- a tenant, or * for a key that names one per request
  scopes TEXT NOT NULL CHECK (json_valid(scopes)), -- ["jobs:write", ...]
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER               -- written once an hour at most
) STRICT, WITHOUT ROWID;

-- Signing secrets: random, sealed under a key that is derived from the master key for their tenant.
CREATE TABLE signing_secrets (
  tenant TEXT NOT NULL,
  endpoint TEXT NOT NULL,            -- '' is the tenant's default, which signs jobs to bare urls
  secret_version INTEGER NOT NULL CHECK (secret_version > 0), -- rises with each rotation; the default has one
  sealed TEXT NOT NULL,              -- 32 random bytes, sealed: the id of the master key, and base64url
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, endpoint, secret_version)
) STRICT, WITHOUT ROWID;

-- The walk that seals everything again when the master key changes.
CREATE TABLE rotations (
  keys TEXT PRIMARY KEY,             -- the ids of the new master key and of the old one, with < between
  since INTEGER NOT NULL,            -- when a value was sealed again last, or the walk began
  began_at INTEGER NOT NULL,         -- when this round begins
  place INTEGER NOT NULL,            -- 0 signing_secrets, 1 endpoints, 2 schedules, 3 jobs
  at TEXT NOT NULL CHECK (json_valid(at)), -- the key of the last row that was visited there
  found INTEGER NOT NULL,            -- values that this round has sealed again
  rows_left INTEGER,                 -- what the last whole round found; NULL before its end
  done_at INTEGER                    -- when a round had found nothing and nobody could write an old value any more
) STRICT, WITHOUT ROWID;

-- Schedules: what makes a job at each occurrence of a cron expression.
CREATE TABLE schedules (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  revision TEXT NOT NULL,            -- new with each put: a tick that read another one writes nothing
  cron TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  overlap TEXT NOT NULL CHECK (overlap IN ('skip', 'allow')),           -- while the job before is open
  catch_up TEXT NOT NULL CHECK (catch_up IN ('latest', 'all', 'none')), -- occurrences whose tick was late
  paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
  last_occurrence INTEGER NOT NULL,        -- every occurrence up to here is decided; moved by compare and set
  next_at INTEGER,                   -- the next occurrence; NULL: paused, or there is none for years
  last_job TEXT,                     -- the job it made last
  endpoint TEXT NOT NULL,            -- where its jobs go; '' for a bare url
  job TEXT NOT NULL CHECK (json_valid(job)),         -- what its jobs are made of, checked; the payload is in it
  history TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(history)), -- the last occurrences, the newest first
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- What is due. The history is in the row and not in a table: a firing is one row and this entry, not three rows and it.
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

-- Groups: counters of the jobs that carry a label, kept by the statements that make and end jobs.
CREATE TABLE groups (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,                  -- the label, `job_group` of its jobs
  total INTEGER NOT NULL DEFAULT 0,     -- jobs that were ever accepted with it, replays included
  succeeded INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0,      -- dead letters that are open or discarded
  replayed INTEGER NOT NULL DEFAULT 0,  -- dead letters that another job repeats, which counts by itself
  cancelled INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  finished_at INTEGER,               -- when the last of its jobs ended; NULL while one is open
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- What retention removes. An entry is written when a group ends, not for each of its jobs.
CREATE INDEX groups_finished ON groups (finished_at) WHERE finished_at IS NOT NULL;

-- Erasures: runs that remove what was accepted of a tenant, or of one subject of its jobs, and their receipts.
CREATE TABLE erasures (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,                  -- era_ + ULID
  subject TEXT,                      -- the metadata's subject; NULL: the whole tenant; once done its SHA-256 alone
  state TEXT NOT NULL CHECK (state IN ('running', 'done')),
  position TEXT NOT NULL DEFAULT '', -- the last job that this round visited
  found INTEGER NOT NULL DEFAULT 0 CHECK (found IN (0, 1)), -- 1: this round has met a job; it takes one that meets none
  turn_at INTEGER NOT NULL,          -- when its last round ended; the longest ago has the next turn
  counts TEXT NOT NULL CHECK (json_valid(counts)), -- what left: {jobs, attempts, endpoints, schedules, keys}
  created_at INTEGER NOT NULL,       -- what was accepted before this leaves
  finished_at INTEGER,
  PRIMARY KEY (tenant, id),
  CHECK ((finished_at IS NOT NULL) = (state = 'done'))
) STRICT, WITHOUT ROWID;

-- Whose turn it is.
CREATE INDEX erasures_by_turn ON erasures (turn_at) WHERE state = 'running';
-- One run per target: a second request finds the first one's.
CREATE UNIQUE INDEX erasures_by_target ON erasures (tenant, ifnull(subject, '')) WHERE state = 'running';

-- How many jobs a tenant, or an API key, may have accepted in a day.
CREATE TABLE quotas (
  key_id TEXT NOT NULL,              -- the API key that is bounded; '' for the tenant as a whole
  tenant TEXT NOT NULL,              -- the tenant, or the key's
  jobs_per_day INTEGER CHECK (jobs_per_day > 0), -- NULL: no bound any more
  day INTEGER NOT NULL DEFAULT 0,    -- the last one on which jobs were accepted: days since 1970, UTC
  jobs INTEGER NOT NULL DEFAULT 0,   -- how many on that day
  PRIMARY KEY (key_id, tenant)
) STRICT, WITHOUT ROWID;

-- What the jobs of a tenant asked providers of embeddings for, by day and model. Each call is counted once, with the settlement of
-- the first of its jobs that finishes.
CREATE TABLE usage (
  tenant TEXT NOT NULL,
  day INTEGER NOT NULL,              -- of the settlement: days since 1970, UTC, by the database's own clock
  model TEXT NOT NULL,               -- provider/model
  calls INTEGER NOT NULL,            -- requests that were made, failed ones too
  texts INTEGER NOT NULL,            -- texts in them; one that was asked for again counts again
  tokens INTEGER NOT NULL,           -- as the provider counted them; none of a call that failed
  PRIMARY KEY (tenant, day, model)
) STRICT, WITHOUT ROWID;

-- What leaves by age. A day does not change: only the first call of a day and model writes an entry.
CREATE INDEX usage_by_day ON usage (day);

CREATE TABLE tenant_hours (
  hour INTEGER NOT NULL,             -- milliseconds since 1970 / 3,600,000
  tenant TEXT NOT NULL,
  accepted INTEGER NOT NULL DEFAULT 0,  -- counted as the watermark passes, by the hour in the id
  PRIMARY KEY (hour, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE malformed_messages (
  id TEXT PRIMARY KEY,               -- the message's id at the queue
  queue TEXT NOT NULL,
  reason TEXT NOT NULL,              -- why it could not be read
  body TEXT NOT NULL,                -- its bytes, base64, at most 128,000
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Malformed messages leave by age; there are few, so that an index entry each is cheap.
CREATE INDEX malformed_messages_by_age ON malformed_messages (created_at);

CREATE TABLE meta (
  name TEXT PRIMARY KEY,             -- watermark, swept_at, ticked_at, storage_full, paused, queue_spent_until
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The watermark begins a minute ago: nothing was accepted before the tables were there.
INSERT INTO meta (name, value) VALUES ('watermark', CAST(unixepoch('subsec') * 1000 AS INTEGER) - 60000);
