-- The search database (INDEX_DB). It is separate because a database with FTS5 tables cannot be exported, and because each
-- database has one thread, which the job ledger does not share. Times are milliseconds since 1970 by the database's own clock.

CREATE TABLE indexes (
  tenant TEXT NOT NULL,              -- tenant that owns the index; first in every key
  name TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,           -- ULID of its creation: an index that is created again under the same name has a new id
  serving TEXT NOT NULL,             -- index version that serves searches
  building TEXT,                     -- index version that is being built and replaces `serving`; NULL: none
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- Index versions: each is a configuration for chunking and embedding the documents of an index, with the state of its data.
CREATE TABLE index_versions (
  id TEXT PRIMARY KEY,               -- ULID; the scope of its words, and part of its segments' keys
  index_id TEXT NOT NULL,            -- id of the index
  tenant TEXT NOT NULL,              -- tenant of the index; part of the segments' keys
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  dimensions INTEGER NOT NULL,       -- dimensions of the model
  chunk_chars INTEGER NOT NULL,
  overlap_chars INTEGER NOT NULL,
  chunker INTEGER NOT NULL,          -- version of the chunking rules
  segment TEXT,                      -- key of the object with its vectors; NULL until the first merge
  segment_seq INTEGER NOT NULL DEFAULT 0, -- chunks up to this number are in the segment; searches read later ones from here
  chunks INTEGER NOT NULL DEFAULT 0, -- number of chunks
  dead INTEGER NOT NULL DEFAULT 0,   -- approximate number of chunks deleted since the segment was written
  created_at INTEGER NOT NULL,
  dropped_at INTEGER                 -- time since which nothing reads it and the sweep deletes it in batches
) STRICT, WITHOUT ROWID;

-- Index versions that the sweep must delete.
CREATE INDEX index_versions_dropped ON index_versions (dropped_at) WHERE dropped_at IS NOT NULL;

-- The latest accepted version of each document: the greatest version wins, in any order of job runs. The table has rowids, and
-- the texts come last: in a table WITHOUT ROWID each step of a search for a key read whole rows with their texts, and finding
-- 712 documents of 60 KB took 80 ms instead of 4 ms.
CREATE TABLE documents (
  index_id TEXT NOT NULL,
  id TEXT NOT NULL,                  -- the caller's id
  version TEXT NOT NULL,             -- ULID of the job that wrote it: its order of acceptance
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)), -- 1: deleted; no older job restores it
  source TEXT NOT NULL DEFAULT '',   -- source, as the caller named it
  hash TEXT NOT NULL DEFAULT '',     -- SHA-256 of the text
  written_at INTEGER NOT NULL,
  metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)), -- the caller's JSON object, for filters
  text TEXT NOT NULL DEFAULT ''      -- text from which a new index version is built
) STRICT;

CREATE UNIQUE INDEX documents_by_id ON documents (index_id, id);

-- The chunks of a document in an index version, in order: [[hash, start, end], ...] with positions in bytes of its text.
CREATE TABLE layouts (
  index_version TEXT NOT NULL,
  document TEXT NOT NULL,
  hash TEXT NOT NULL,                -- hash of the text that was chunked
  chunks TEXT NOT NULL CHECK (json_valid(chunks)),
  PRIMARY KEY (index_version, document)
) STRICT, WITHOUT ROWID;

-- The chunks of an index version. A chunk that occurs twice in a document is stored once.
CREATE TABLE chunks (
  index_version TEXT NOT NULL,
  seq INTEGER NOT NULL,              -- number, unique over all index versions; names the chunk in `words` and in the segment
  document TEXT NOT NULL,
  hash TEXT NOT NULL,                -- SHA-256 of heading and text
  vector TEXT NOT NULL,              -- base64 of its little-endian 32-bit floats
  PRIMARY KEY (index_version, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX chunks_by_hash ON chunks (index_version, document, hash);

-- The highest chunk number so far, in one row.
CREATE TABLE counter (
  seq INTEGER NOT NULL
) STRICT;
INSERT INTO counter (seq) VALUES (0);

-- Words of chunks, with the chunk number as rowid. `scope` is one word for the index version, which every search adds to its
-- query. The text is already folded and split into words in any script, with a space between any two
-- (shared/src/search/words.rs): the tokenizer takes non-ASCII characters as parts of words and only stems English words.
CREATE VIRTUAL TABLE words USING fts5(
  scope,
  heading_words,                     -- words of the heading
  text_words,                        -- words of the text
  heading UNINDEXED,                 -- original heading of the chunk
  text UNINDEXED,                    -- original text of the chunk
  tokenize = 'porter ascii',
  prefix = '1'                       -- index of one-letter prefixes, for single letters of scripts without spaces
);

-- Embedding cache: unchanged text costs no call to a provider.
CREATE TABLE vectors (
  tenant TEXT NOT NULL,
  model TEXT NOT NULL,               -- provider/model/dimensions
  hash TEXT NOT NULL,                -- SHA-256 of the embedded text
  vector TEXT NOT NULL,              -- base64 of its little-endian 32-bit floats
  made_at INTEGER NOT NULL,          -- vectors expire by age
  PRIMARY KEY (tenant, model, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX vectors_by_age ON vectors (made_at);

-- Pauses of embedding providers that asked for time: one invocation records a pause, and all respect it.
CREATE TABLE provider_pauses (
  provider TEXT PRIMARY KEY,         -- name in the deployment's settings
  until INTEGER NOT NULL             -- no calls before this time, by the database's own clock
) STRICT, WITHOUT ROWID;

-- Removals of sources: documents that were accepted before a removal do not reappear if their jobs run later.
CREATE TABLE removals (
  index_id TEXT NOT NULL REFERENCES indexes (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  version TEXT NOT NULL,             -- ULID of a job: documents of the source that were accepted before it are superseded
  PRIMARY KEY (index_id, source)
) STRICT, WITHOUT ROWID;
