-- Erasures: runs that remove what was accepted of a tenant, or of one subject of its jobs, and their receipts.
-- Times are milliseconds since 1970 by the database's own clock.

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
