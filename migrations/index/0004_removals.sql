-- Sources that were replaced or removed: what was accepted before that, and is brought later, does not come back.

CREATE TABLE removals (
  index_id TEXT NOT NULL REFERENCES indexes (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  version TEXT NOT NULL,             -- ULID of a job: documents of the source that were accepted before it are superseded
  PRIMARY KEY (index_id, source)
) STRICT, WITHOUT ROWID;
