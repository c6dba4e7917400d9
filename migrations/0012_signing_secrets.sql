-- Signing secrets: random, sealed under a key that is derived from the master key for their tenant.
-- Times are milliseconds since 1970 by the database's own clock.

CREATE TABLE signing_secrets (
  tenant TEXT NOT NULL,
  endpoint TEXT NOT NULL,            -- '' is the tenant's default, which signs jobs to bare urls
  generation INTEGER NOT NULL CHECK (generation > 0), -- rises with each rotation; the default has one
  sealed TEXT NOT NULL,              -- 32 random bytes, sealed: the id of the master key, and base64url
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, endpoint, generation)
) STRICT, WITHOUT ROWID;
