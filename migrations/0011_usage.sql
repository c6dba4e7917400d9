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
