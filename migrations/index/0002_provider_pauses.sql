-- Providers of embeddings that asked to be left alone: what one invocation was told, all others heed.

CREATE TABLE provider_pauses (
  provider TEXT PRIMARY KEY,         -- its name in the deployment's settings
  until INTEGER NOT NULL             -- nobody asks it before, by the database's own clock
) STRICT, WITHOUT ROWID;
