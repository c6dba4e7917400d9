-- The job ledger: every table, state and index of the job pipeline. All of it is one file until the first release. Times are
-- milliseconds since 1970 by the database's own clock unless a comment says otherwise.

CREATE TABLE jobs (
  tenant TEXT NOT NULL,              -- tenant that owns the job; first in every key
  id TEXT NOT NULL,                  -- job_ + 2 shard characters + ULID
  state TEXT NOT NULL CHECK (state IN
    ('scheduled', 'queued', 'running', 'retrying', 'held', 'succeeded', 'dead', 'cancelled')),
  attempt INTEGER NOT NULL DEFAULT 0,      -- number of sends, including a running one; the log has as many entries
  failures INTEGER NOT NULL DEFAULT 0,     -- attempts that count against max_attempts
  crashes INTEGER NOT NULL DEFAULT 0,      -- crashes during runs alone in quarantine
  quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1)), -- 1: its last lease ended unsettled, so it runs alone
  deferred INTEGER NOT NULL DEFAULT 0 CHECK (deferred IN (0, 1)), -- 1: the receiver answered "deferred"; the attempt ends with
                                     -- its completion or its lease
  dispatches INTEGER NOT NULL DEFAULT 0,   -- hints sent by the sweep since the last claim
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)), -- 1: no further attempt starts
  run_after INTEGER NOT NULL,        -- earliest time of the next claim; not indexed
  next_check_at INTEGER,                   -- when the sweep must look at the row; NULL on the happy path
  lease_token TEXT,                  -- token of the running attempt; every later write must name it
  lease_until INTEGER,               -- end of the lease
  created_at INTEGER NOT NULL,       -- time in the id, by the producer's clock
  scheduled_at INTEGER,              -- start time that the caller requested; NULL: at once
  scheduled_for INTEGER,             -- occurrence of the schedule, even if its tick was late
  deadline_at INTEGER,               -- no attempt starts after this time
  finished_at INTEGER,               -- time at which the job became terminal
  kind TEXT NOT NULL,                -- kind of the job; not enumerated, so that a new kind needs no migration
  endpoint TEXT NOT NULL DEFAULT '', -- destination endpoint; '' for a bare url
  event_id TEXT,                     -- webhook-id; NULL: the job's own id
  max_attempts INTEGER NOT NULL CHECK (max_attempts BETWEEN 1 AND 50), -- maximum number of failures
  backoff TEXT NOT NULL,             -- name of the retry schedule
  idempotency_key TEXT,              -- as sent; NULL after its window has ended, or if there was none
  key_until INTEGER,                 -- end of the key's window
  digest TEXT NOT NULL,              -- version, a dot, and the SHA-256 of the canonical request without the key, base64url
  job_group TEXT,                    -- group: the caller's label
  schedule TEXT,                     -- schedule that created the job
  traceparent TEXT,                  -- trace context of the request, or NULL; each attempt continues it
  tracestate TEXT,                   -- vendor part of the trace context
  hops INTEGER NOT NULL DEFAULT 0,   -- Longshore-Hops of the request: 0 unless a job's request created this job
  metadata TEXT CHECK (metadata IS NULL OR json_valid(metadata)), -- the caller's JSON object
  dead_state TEXT CHECK (dead_state IN ('open', 'replayed', 'discarded')), -- state of the dead letter
  dead_reason TEXT,                  -- attempts_exhausted, not_retryable, deadline, crash_loop
  note TEXT,                         -- note of the operator who discarded it
  replay_of TEXT,                    -- finished job that this one sends again: a replayed dead letter, or a resent job
  replayed_by TEXT,                  -- job that replays this dead letter
  cause TEXT,                        -- cause of the last failure: causes.id, or one that has no row; NULL: the last attempt succeeded
  dies_at INTEGER,                   -- when a retried job becomes a dead letter if all of its attempts fail
  action TEXT,                       -- last action that made, retried, cancelled or discarded the job
  error TEXT CHECK (error IS NULL OR json_valid(error)),    -- {class, fault, message, retryable}
  result TEXT CHECK (result IS NULL OR json_valid(result)), -- result that the handler returned
  result_error TEXT,                 -- reason why a succeeded job has no result: a code, or NULL
  log TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(log)),   -- one entry per attempt, addressed by number
  payload_bytes INTEGER CHECK (payload_bytes > 0), -- size of the object payloads/{id}/{tenant} with the bulk of a large
                                     -- payload; NULL: the whole payload is inline. The object is kept as long as the row
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
-- Rows that the sweep must look at. This index serves retries, schedules, re-dispatch back-off, ended leases and purges.
CREATE INDEX jobs_to_next_check_at ON jobs (next_check_at) WHERE next_check_at IS NOT NULL;
-- Jobs that wait for their endpoint or the pipeline to be resumed.
CREATE INDEX jobs_held ON jobs (tenant, endpoint) WHERE state = 'held';
-- Open dead letters, by time of death.
CREATE INDEX jobs_dead_open ON jobs (tenant, finished_at, id) WHERE dead_state = 'open';

-- Open dead letters of a cause.
CREATE INDEX jobs_dead_by_cause ON jobs (tenant, cause, finished_at) WHERE dead_state = 'open' AND cause IS NOT NULL;
-- Jobs that wait for another attempt after a failure of that cause, the next to die first.
CREATE INDEX jobs_failing_by_cause ON jobs (tenant, cause, state, dies_at) WHERE cause IS NOT NULL AND state IN ('retrying', 'held');

-- Causes: what failed attempts have in common. A row is written when a cause is new, and when a resolved one comes back.
CREATE TABLE causes (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,                  -- fingerprint of the columns below up to text; cause_other: too many causes
  kind TEXT,                         -- kind of the jobs; NULL for cause_other, as the next columns
  endpoint TEXT,                     -- endpoint of the jobs; '' for bare urls
  host TEXT,                         -- host of the bare urls
  class TEXT,                        -- class of the error
  status INTEGER,                    -- HTTP status of the answer
  text TEXT NOT NULL,                -- first line of the answer or error, without what differs from job to job
  first_seen INTEGER NOT NULL,
  came_back_at INTEGER,              -- when it was last seen again after it was resolved
  state TEXT NOT NULL CHECK (state IN ('open', 'resolved', 'ignored')),
  until INTEGER,                     -- end of the time for which it is ignored
  check_at INTEGER NOT NULL,         -- when the sweep next checks if it still has jobs
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Causes of a tenant, the newest first.
CREATE INDEX causes_by_time ON causes (tenant, first_seen, id);
-- Causes that the sweep checks.
CREATE INDEX causes_to_check ON causes (check_at);

CREATE TABLE endpoints (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'deleted')), -- deleted: a tombstone; its jobs become dead letters
                                     -- that name it
  paused_reason TEXT,                -- operator; gone: the receiver answered 410; config: the service is missing
  url TEXT NOT NULL,                 -- url, or the path of a service
  service TEXT,                      -- service binding HANDLER_... of the consumer that receives the jobs
  headers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(headers)), -- [[name, sealed value], ...]
  timeout_seconds INTEGER NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 600),
  connections INTEGER NOT NULL DEFAULT 2 CHECK (connections BETWEEN 1 AND 5), -- requests of one invocation at once
  backoff TEXT NOT NULL,             -- name of the retry schedule
  max_attempts INTEGER NOT NULL CHECK (max_attempts BETWEEN 1 AND 50),
  evidence TEXT NOT NULL CHECK (evidence IN ('full', 'failures', 'none')),
  keep_payload INTEGER NOT NULL DEFAULT 0 CHECK (keep_payload IN (0, 1)), -- 1: its jobs keep their payload when they succeed
  dead_letter_on TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(dead_letter_on)), -- error classes that dead-letter a job at once
  redact TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(redact)),   -- {headers, body_pointers}
  secret_version INTEGER NOT NULL DEFAULT 1, -- current version of the signing secret
  rotated_at INTEGER,                -- time of the last rotation; both secrets sign for 24 h after it
  failing_since INTEGER,             -- start of the current series of failures; written on change only
  last_success_at INTEGER,           -- written on change, then at most once an hour
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,               -- public part of the token
  hash TEXT NOT NULL,                -- SHA-256 of the whole token, hex; the token has 256 random bits
  tenant TEXT NOT NULL,              -- a tenant, or * for a key that names a tenant per request
  scopes TEXT NOT NULL CHECK (json_valid(scopes)), -- ["jobs:write", ...]
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER               -- written at most once an hour
) STRICT, WITHOUT ROWID;

-- Signing secrets: random, sealed under a key that is derived from the master key per tenant.
CREATE TABLE signing_secrets (
  tenant TEXT NOT NULL,
  endpoint TEXT NOT NULL,            -- '' is the tenant's default secret, which signs jobs to bare urls
  secret_version INTEGER NOT NULL CHECK (secret_version > 0), -- rises with each rotation; the default secret has one
  sealed TEXT NOT NULL,              -- 32 random bytes, sealed: id of the master key, and base64url
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, endpoint, secret_version)
) STRICT, WITHOUT ROWID;

-- The walk that seals all values again after a change of the master key.
CREATE TABLE rotations (
  keys TEXT PRIMARY KEY,             -- ids of the new and the old master key, with < between
  since INTEGER NOT NULL,            -- time when a value was last sealed again, or the start of the walk
  began_at INTEGER NOT NULL,         -- start of this round
  place INTEGER NOT NULL,            -- 0 signing_secrets, 1 endpoints, 2 schedules, 3 jobs
  at TEXT NOT NULL CHECK (json_valid(at)), -- key of the last row that was visited there
  found INTEGER NOT NULL,            -- number of values sealed again in this round
  rows_left INTEGER,                 -- values found by the last complete round; NULL before its end
  done_at INTEGER                    -- time when a round found nothing and no writer could still have the old key
) STRICT, WITHOUT ROWID;

-- Schedules: each creates a job at each occurrence of a cron expression.
CREATE TABLE schedules (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  revision TEXT NOT NULL,            -- new with each put: a tick that has read an older one writes nothing
  cron TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  overlap TEXT NOT NULL CHECK (overlap IN ('skip', 'allow')),           -- while the previous job is open
  catch_up TEXT NOT NULL CHECK (catch_up IN ('latest', 'all', 'none')), -- occurrences whose tick was late
  paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
  last_occurrence INTEGER NOT NULL,        -- every occurrence up to this time is decided; moved by compare and set
  next_at INTEGER,                   -- next occurrence; NULL: paused, or no occurrence in the coming years
  last_job TEXT,                     -- latest job of the schedule
  endpoint TEXT NOT NULL,            -- destination of its jobs; '' for a bare url
  job TEXT NOT NULL CHECK (json_valid(job)),         -- validated template of its jobs, payload included
  history TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(history)), -- latest occurrences, the newest first
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Due schedules. The history is in the row and not in a table: an occurrence writes one row and one entry here, not three rows
-- and one entry.
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

-- Groups: counters of the jobs with a label, updated by the statements that create and end jobs. The jobs of an action are
-- counted alike.
CREATE TABLE groups (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,                  -- label, `job_group` of its jobs; for an action a colon and its id, which is no label
  total INTEGER NOT NULL DEFAULT 0,     -- jobs accepted with the label, replays included
  succeeded INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0,      -- open and discarded dead letters
  replayed INTEGER NOT NULL DEFAULT 0,  -- replayed dead letters; the new job counts separately
  cancelled INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  finished_at INTEGER,               -- time when its last job ended; NULL while a job is open
  closed_at INTEGER,                 -- when a producer said that no more jobs come; NULL: it is not closed
  on_finished TEXT CHECK (on_finished IS NULL OR json_valid(on_finished)), -- webhook job to make when all its jobs have ended:
                                     -- {endpoint, id, digest, traceparent, tracestate, hops}; the time in the id is replaced
  on_finished_job TEXT,              -- id of that job; NULL: the group has not finished
  on_finished_error TEXT,            -- reason why it was not made: endpoint_deleted, erasure
  PRIMARY KEY (tenant, id),
  CHECK (on_finished IS NULL OR closed_at IS NOT NULL),
  CHECK (on_finished_job IS NULL OR on_finished IS NOT NULL),
  CHECK (on_finished_error IS NULL OR on_finished_job IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- Groups that retention deletes. An entry is written when a group ends, not for each of its jobs.
CREATE INDEX groups_finished ON groups (finished_at) WHERE finished_at IS NOT NULL;

-- Actions on all jobs that a filter selects: replay, retry, cancel or discard. Each step handles some jobs in one batch; its last
-- statement moves the position, and each of its statements requires the step that it began with.
CREATE TABLE actions (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,                  -- act_ + ULID
  verb TEXT NOT NULL CHECK (verb IN ('replay', 'retry', 'cancel', 'discard')),
  filter TEXT NOT NULL CHECK (json_valid(filter)),   -- filters as requested, {name: value}
  include_retrying INTEGER NOT NULL CHECK (include_retrying IN (0, 1)), -- 1: a replay also retries waiting jobs
  note TEXT,                         -- note for the dead letters that it discards
  state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'done', 'aborted')),
  paused_reason TEXT,                -- operator; canary_failed; canary_late: its jobs did not succeed in time
  created_at INTEGER NOT NULL,       -- jobs that were created or died later are not selected
  ended_at INTEGER,                  -- when the last step was done, or it was aborted
  expected INTEGER NOT NULL,         -- jobs that the filter selected at first, up to a limit
  expects_more INTEGER NOT NULL CHECK (expects_more IN (0, 1)), -- 1: there were more
  rate INTEGER CHECK (rate > 0),     -- jobs to start in a second; NULL: all at once
  next_start_at INTEGER NOT NULL,    -- start of the next job by that rate
  canary INTEGER CHECK (canary > 0), -- jobs that must succeed before the others; NULL: none
  canary_ms INTEGER,                 -- time in which they must succeed
  canary_state TEXT CHECK (canary_state IN ('pending', 'testing', 'passed', 'failed', 'ignored')),
  canary_until INTEGER,              -- end of that time
  step INTEGER NOT NULL DEFAULT 0,   -- number of steps done
  position TEXT NOT NULL CHECK (json_valid(position)), -- where the next step begins: [list, time, id]
  matched INTEGER NOT NULL DEFAULT 0,   -- jobs that the steps have selected
  done INTEGER NOT NULL DEFAULT 0,      -- jobs of those that were replayed, retried, cancelled or discarded
  turn_at INTEGER NOT NULL,          -- time of the last step; the action with the oldest is next
  PRIMARY KEY (tenant, id),
  CHECK ((ended_at IS NOT NULL) = (state IN ('done', 'aborted')))
) STRICT, WITHOUT ROWID;

-- Running actions, in the order of their turns.
CREATE INDEX actions_by_turn ON actions (turn_at) WHERE state = 'running';
-- Actions that retention deletes.
CREATE INDEX actions_ended ON actions (ended_at) WHERE ended_at IS NOT NULL;

-- Jobs that each step of an action made, or changed.
CREATE TABLE action_steps (
  tenant TEXT NOT NULL,
  action TEXT NOT NULL,
  step INTEGER NOT NULL,
  jobs TEXT NOT NULL CHECK (json_valid(jobs)), -- [id, ...]
  PRIMARY KEY (tenant, action, step)
) STRICT, WITHOUT ROWID;

-- Erasures: runs that delete the data of a tenant, or of one subject of its jobs, and their receipts.
CREATE TABLE erasures (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,                  -- era_ + ULID
  subject TEXT,                      -- subject in the metadata; NULL: the whole tenant; only its SHA-256 after the end
  state TEXT NOT NULL CHECK (state IN ('running', 'done')),
  position TEXT NOT NULL DEFAULT '', -- last job that this round has visited
  found INTEGER NOT NULL DEFAULT 0 CHECK (found IN (0, 1)), -- 1: this round has found a job; the run ends after a round without
                                     -- one
  turn_at INTEGER NOT NULL,          -- end of its last round; the run with the oldest time is next
  counts TEXT NOT NULL CHECK (json_valid(counts)), -- deleted rows: {jobs, attempts, endpoints, schedules, keys}
  created_at INTEGER NOT NULL,       -- data accepted before this time is deleted
  finished_at INTEGER,
  PRIMARY KEY (tenant, id),
  CHECK ((finished_at IS NOT NULL) = (state = 'done'))
) STRICT, WITHOUT ROWID;

-- The order in which running erasures take turns.
CREATE INDEX erasures_by_turn ON erasures (turn_at) WHERE state = 'running';
-- One run per target: a repeated request finds the running one.
CREATE UNIQUE INDEX erasures_by_target ON erasures (tenant, ifnull(subject, '')) WHERE state = 'running';

-- Maximum number of jobs that a tenant, or an API key, may have accepted per day.
CREATE TABLE quotas (
  key_id TEXT NOT NULL,              -- API key with the quota; '' for the whole tenant
  tenant TEXT NOT NULL,              -- tenant, or the tenant of the key
  jobs_per_day INTEGER CHECK (jobs_per_day > 0), -- NULL: no limit
  day INTEGER NOT NULL DEFAULT 0,    -- last day on which jobs were accepted: days since 1970, UTC
  jobs INTEGER NOT NULL DEFAULT 0,   -- number of jobs on that day
  PRIMARY KEY (key_id, tenant)
) STRICT, WITHOUT ROWID;

-- Calls of a tenant's jobs to embedding providers, by day and model. Each call is counted once, with the settlement of the
-- first of its jobs that finishes.
CREATE TABLE usage (
  tenant TEXT NOT NULL,
  day INTEGER NOT NULL,              -- day of the settlement: days since 1970, UTC, by the database's own clock
  model TEXT NOT NULL,               -- provider/model
  calls INTEGER NOT NULL,            -- number of requests, failed ones included
  texts INTEGER NOT NULL,            -- number of texts in them; a text that was requested again counts again
  tokens INTEGER NOT NULL,           -- tokens as counted by the provider; 0 for failed calls
  PRIMARY KEY (tenant, day, model)
) STRICT, WITHOUT ROWID;

-- Rows that are deleted by age. The day of a row never changes: only the first call of a day and model writes an entry.
CREATE INDEX usage_by_day ON usage (day);

-- Audit log: one row for each change that an operator made, in the batch of the change. No values that are sealed, no payloads
-- and no tokens.
CREATE TABLE audit (
  tenant TEXT NOT NULL,              -- tenant of the target; * for the whole deployment and for keys of all tenants
  id TEXT NOT NULL,                  -- aud_ + id of the request, a ULID: a repeated batch finds its row
  at INTEGER NOT NULL,
  key_id TEXT NOT NULL,              -- API key of the operator; root for ROOT_TOKEN
  operation TEXT NOT NULL,           -- operationId of the API, such as CancelJob
  target_kind TEXT NOT NULL,         -- job, dead_letter, cause, endpoint, schedule, index, key, tenant, erasure, deployment
  target TEXT NOT NULL,              -- id or name of the target
  address TEXT,                      -- IP address of the caller; NULL if the platform reported none
  state_before TEXT CHECK (state_before IS NULL OR json_valid(state_before)), -- what the change replaced; NULL: the target is new
  state_after TEXT CHECK (state_after IS NULL OR json_valid(state_after)),    -- result of the change; NULL: nothing is left
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- The audit log is deleted by age. Actions of operators are rare, so an index entry for each is cheap.
CREATE INDEX audit_by_age ON audit (at);

-- Totals: what has happened to the jobs of each series, counted since the deployment began. They only grow.
CREATE TABLE totals (
  tenant TEXT NOT NULL,              -- '' for the totals of erased tenants
  kind TEXT NOT NULL,                -- kind of the jobs
  endpoint TEXT NOT NULL,            -- endpoint of the jobs; '' for bare urls
  minute INTEGER NOT NULL,           -- minute of the last change: milliseconds since 1970 / 60,000
  counts TEXT NOT NULL CHECK (json_valid(counts)), -- {name: number}: counters, buckets and sums, without those at 0
  check_at INTEGER NOT NULL,         -- when the sweep next deletes old snapshots of the series
  PRIMARY KEY (tenant, kind, endpoint)
) STRICT, WITHOUT ROWID;

-- Series whose snapshots the sweep checks. The time is written once a day for each series.
CREATE INDEX totals_to_check ON totals (check_at);

-- Snapshots of totals: what they were at the end of each minute in which they changed. The last one is in `totals`.
CREATE TABLE snapshots (
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  minute INTEGER NOT NULL,           -- as in `totals`
  counts TEXT NOT NULL,              -- as in `totals`
  PRIMARY KEY (tenant, kind, endpoint, minute)
) STRICT, WITHOUT ROWID;

-- The first change in a minute keeps what the totals were before. So a series that is idle costs nothing, and each statement that
-- adds to totals keeps their history.
CREATE TRIGGER totals_keep_snapshot BEFORE UPDATE OF counts ON totals WHEN OLD.minute < NEW.minute BEGIN
  INSERT INTO snapshots (tenant, kind, endpoint, minute, counts)
  VALUES (OLD.tenant, OLD.kind, OLD.endpoint, OLD.minute, OLD.counts);
END;

CREATE TABLE tenant_hours (
  hour INTEGER NOT NULL,             -- milliseconds since 1970 / 3,600,000
  tenant TEXT NOT NULL,
  accepted INTEGER NOT NULL DEFAULT 0,  -- counted as the watermark passes, by the hour in the id
  PRIMARY KEY (hour, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE malformed_messages (
  id TEXT PRIMARY KEY,               -- id of the message in the queue
  queue TEXT NOT NULL,
  reason TEXT NOT NULL,              -- reason why it could not be read
  body TEXT NOT NULL,                -- its bytes in base64, at most 128,000
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Malformed messages are deleted by age. They are rare, so an index entry for each is cheap.
CREATE INDEX malformed_messages_by_age ON malformed_messages (created_at);

CREATE TABLE meta (
  name TEXT PRIMARY KEY,             -- watermark, swept_at, ticked_at, storage_full, paused, queue_spent_until
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The watermark starts one minute in the past: no job was accepted before the tables existed.
INSERT INTO meta (name, value) VALUES ('watermark', CAST(unixepoch('subsec') * 1000 AS INTEGER) - 60000);
