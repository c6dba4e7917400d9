-- How many jobs a tenant, or an API key, may have accepted in a day.

CREATE TABLE quotas (
  key_id TEXT NOT NULL,              -- the API key that is bounded; '' for the tenant as a whole
  tenant TEXT NOT NULL,              -- the tenant, or the key's
  jobs_per_day INTEGER CHECK (jobs_per_day > 0), -- NULL: no bound any more
  day INTEGER NOT NULL DEFAULT 0,    -- the last one on which jobs were accepted: days since 1970, UTC
  jobs INTEGER NOT NULL DEFAULT 0,   -- how many on that day
  PRIMARY KEY (key_id, tenant)
) STRICT, WITHOUT ROWID;
