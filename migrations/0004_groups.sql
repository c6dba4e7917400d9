-- Groups: counters of the jobs that carry a label, kept by the statements that make and end jobs.
-- Times are milliseconds since 1970 by the database's own clock.

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

-- What was accepted before there were groups.
INSERT INTO groups (tenant, id, total, succeeded, dead, replayed, cancelled, created_at, finished_at)
SELECT tenant, job_group, count(*), sum(state = 'succeeded'), sum(state = 'dead' AND dead_state <> 'replayed'),
  sum(state = 'dead' AND dead_state = 'replayed'), sum(state = 'cancelled'), min(created_at),
  CASE WHEN count(finished_at) = count(*) THEN max(finished_at) END
FROM jobs WHERE job_group IS NOT NULL GROUP BY tenant, job_group;
