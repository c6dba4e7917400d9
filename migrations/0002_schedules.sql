-- Schedules: what makes a job at each slot of a cron expression.
-- Times are milliseconds since 1970 by the database's own clock unless a comment says otherwise.

CREATE TABLE schedules (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  revision TEXT NOT NULL,            -- new with each put: a tick that read another one writes nothing
  cron TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  overlap TEXT NOT NULL CHECK (overlap IN ('skip', 'allow')),           -- while the job before is open
  catch_up TEXT NOT NULL CHECK (catch_up IN ('latest', 'all', 'none')), -- slots whose tick was late
  paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
  last_slot INTEGER NOT NULL,        -- every slot up to here is decided; moved by compare and set
  next_at INTEGER,                   -- the next slot; NULL: paused, or there is none for years
  last_job TEXT,                     -- the job it made last
  endpoint TEXT NOT NULL,            -- where its jobs go; '' for a bare url
  job TEXT NOT NULL CHECK (json_valid(job)),         -- what its jobs are made of, checked; the payload is in it
  history TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(history)), -- the last firings, the newest first
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- What is due. The history is in the row and not in a table: a firing is one row and this entry, not three rows and it.
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

-- The slot that a schedule made the job for, whenever its tick came.
ALTER TABLE jobs ADD COLUMN scheduled_for INTEGER;
