-- Signing secrets: random, sealed under a key that is derived from the master key for their tenant; and the walk of a rotation
-- of that key.
-- Times are milliseconds since 1970 by the database's own clock.

CREATE TABLE signing_secrets (
  tenant TEXT NOT NULL,
  endpoint TEXT NOT NULL,            -- '' is the tenant's default, which signs jobs to bare urls
  generation INTEGER NOT NULL CHECK (generation > 0), -- rises with each rotation; the default has one
  sealed TEXT NOT NULL,              -- 32 random bytes, sealed: the id of the master key, and base64url
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, endpoint, generation)
) STRICT, WITHOUT ROWID;

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
