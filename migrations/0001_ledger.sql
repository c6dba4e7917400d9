-- The ledger: every table, state and index of the job pipeline.
-- Times are milliseconds since 1970 by the database's own clock unless a comment says otherwise.

CREATE TABLE jobs (
  tenant TEXT NOT NULL,              -- whose job it is; first in every key
  id TEXT NOT NULL,                  -- job_ + 2 shard characters + ULID
  state TEXT NOT NULL CHECK (state IN
    ('scheduled', 'queued', 'running', 'retrying', 'held', 'succeeded', 'dead', 'cancelled')),
  attempt INTEGER NOT NULL DEFAULT 0,      -- sends so far, the running one included; the log has as many entries
  failures INTEGER NOT NULL DEFAULT 0,     -- the part of them that counts against max_attempts
  crashes INTEGER NOT NULL DEFAULT 0,      -- crashes while it ran alone as a suspect
  suspect INTEGER NOT NULL DEFAULT 0 CHECK (suspect IN (0, 1)), -- 1: its last lease ended unsettled, it runs alone
  dispatches INTEGER NOT NULL DEFAULT 0,   -- hints the sweep sent since the last claim
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)), -- no further attempt, please
  run_after INTEGER NOT NULL,        -- the claim's guard; not indexed
  look_at INTEGER,                   -- when the sweep must look; NULL on the happy path
  lease_token TEXT,                  -- who runs it; every later write must name it
  lease_until INTEGER,               -- when the lease ends
  created_at INTEGER NOT NULL,       -- the time in its id, by the producer's clock
  scheduled_at INTEGER,              -- the time the caller asked for; NULL: at once
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
  metadata TEXT CHECK (metadata IS NULL OR json_valid(metadata)), -- the caller's JSON object
  dead_state TEXT CHECK (dead_state IN ('open', 'replayed', 'discarded')), -- the dead letter's own state
  dead_reason TEXT,                  -- attempts_exhausted, not_retryable, deadline, crash_loop, undecodable
  note TEXT,                         -- what an operator wrote when discarding
  replay_of TEXT,                    -- the dead job this one repeats
  replayed_by TEXT,                  -- the job that repeats this one
  error TEXT CHECK (error IS NULL OR json_valid(error)),    -- {class, fault, message, retryable}
  result TEXT CHECK (result IS NULL OR json_valid(result)), -- what the handler answered
  log TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(log)),   -- one entry per attempt, addressed by number
  payload TEXT,                      -- as accepted; emptied when the job succeeds
  PRIMARY KEY (tenant, id),
  CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'dead', 'cancelled'))),
  CHECK ((lease_token IS NOT NULL) = (state = 'running')),
  CHECK ((lease_until IS NOT NULL) = (state = 'running')),
  CHECK ((dead_state IS NOT NULL) = (state = 'dead')),
  CHECK ((key_until IS NOT NULL) = (idempotency_key IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- One job per key; the scope is tenant + kind + endpoint.
CREATE UNIQUE INDEX jobs_by_key ON jobs (tenant, idempotency_key, kind, endpoint) WHERE idempotency_key IS NOT NULL;
-- What the sweep must look at. It alone serves retries, schedules, damping, ended leases and purges.
CREATE INDEX jobs_to_look_at ON jobs (look_at) WHERE look_at IS NOT NULL;
-- What waits for an endpoint or the pipeline to be resumed.
CREATE INDEX jobs_held ON jobs (tenant, endpoint) WHERE state = 'held';
-- Dead letters nobody has dealt with, by time of death.
CREATE INDEX jobs_dead_open ON jobs (tenant, finished_at, id) WHERE dead_state = 'open';

CREATE TABLE endpoints (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'deleted')), -- deleted: a tombstone, its jobs die by name
  paused_reason TEXT,                -- operator, or gone: it answered 410
  url TEXT NOT NULL,
  headers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(headers)), -- [[name, sealed value], ...]
  timeout_seconds INTEGER NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 600),
  backoff TEXT NOT NULL,             -- the named schedule of retries
  max_attempts INTEGER NOT NULL CHECK (max_attempts BETWEEN 1 AND 50),
  evidence TEXT NOT NULL CHECK (evidence IN ('full', 'failures', 'none')),
  bury_on TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(bury_on)), -- error classes that kill at once
  redact TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(redact)),   -- {headers, body_pointers}
  generation INTEGER NOT NULL DEFAULT 1, -- of the signing secret
  rotated_at INTEGER,                -- when the generation last changed; both sign for 24 h
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
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_hours (
  hour INTEGER NOT NULL,             -- milliseconds since 1970 / 3,600,000
  tenant TEXT NOT NULL,
  accepted INTEGER NOT NULL DEFAULT 0,  -- counted as the mark passes, by the hour in the id
  PRIMARY KEY (hour, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE strays (
  id TEXT PRIMARY KEY,               -- the message's id at the queue
  queue TEXT NOT NULL,
  reason TEXT NOT NULL,              -- why it could not be read
  body TEXT NOT NULL,                -- its bytes, base64, at most 128,000
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Strays leave by age; there are few, so that an index entry each is cheap.
CREATE INDEX strays_by_age ON strays (created_at);

CREATE TABLE meta (
  name TEXT PRIMARY KEY,             -- mark, swept_at, ticked_at, storage_full, paused, queue_spent_until
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The mark begins a minute ago: nothing was accepted before the tables were there.
INSERT INTO meta (name, value) VALUES ('mark', CAST(unixepoch('subsec') * 1000 AS INTEGER) - 60000);
