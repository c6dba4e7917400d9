-- The store of search, a database of its own (INDEX_DB): a database with FTS5 tables cannot be exported, and the job ledger's
-- one thread is its own. Times are milliseconds since 1970 by the database's own clock.

CREATE TABLE indexes (
  tenant TEXT NOT NULL,              -- whose index it is; first in every key
  name TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,           -- ULID of its creation: another index of the same name has another one
  serving TEXT NOT NULL,             -- the index version that is searched
  building TEXT,                     -- the index version that will take its place, while there is one
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- One way to cut and embed the documents of an index, and what came of it.
CREATE TABLE index_versions (
  id TEXT PRIMARY KEY,               -- ULID; the scope of its words, and in the keys of its segments
  index_id TEXT NOT NULL,            -- of the index
  tenant TEXT NOT NULL,              -- of the index: in the keys of its segments
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  dimensions INTEGER NOT NULL,       -- of the model
  chunk_chars INTEGER NOT NULL,
  overlap_chars INTEGER NOT NULL,
  chunker INTEGER NOT NULL,          -- the version of the rules by which documents are cut
  segment TEXT,                      -- the object with its vectors; NULL until there is one
  segment_seq INTEGER NOT NULL DEFAULT 0, -- chunks up to this one are in the segment, those after it are looked up here
  chunks INTEGER NOT NULL DEFAULT 0, -- chunks that are there
  dead INTEGER NOT NULL DEFAULT 0,   -- chunks that have left since the segment was made, about
  created_at INTEGER NOT NULL,
  dropped_at INTEGER                 -- since then nobody reads it, and it leaves in pieces
) STRICT, WITHOUT ROWID;

-- What is to be cleared away.
CREATE INDEX index_versions_dropped ON index_versions (dropped_at) WHERE dropped_at IS NOT NULL;

-- Documents as they were accepted last. The one with the greatest version stands, in whatever order jobs run.
-- It has rowids and its texts last: without, each step of each search for a key read the whole row that it came by, text and all,
-- and 712 documents of 60 KB took 80 ms to find instead of 4.
CREATE TABLE documents (
  index_id TEXT NOT NULL,
  id TEXT NOT NULL,                  -- the caller's
  version TEXT NOT NULL,             -- ULID of the job that brought it: its order of acceptance
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)), -- 1: no older job brings it back
  source TEXT NOT NULL DEFAULT '',   -- where it is from, by the caller
  hash TEXT NOT NULL DEFAULT '',     -- SHA-256 of the text
  written_at INTEGER NOT NULL,
  metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)), -- the caller's JSON object, for filters
  text TEXT NOT NULL DEFAULT ''      -- a new index version is made of it
) STRICT;

CREATE UNIQUE INDEX documents_by_id ON documents (index_id, id);

-- Which chunks a document has in an index version, in order: [[hash, start, end], ...], bytes of its text.
CREATE TABLE layouts (
  index_version TEXT NOT NULL,
  document TEXT NOT NULL,
  hash TEXT NOT NULL,                -- of the text that was cut
  chunks TEXT NOT NULL CHECK (json_valid(chunks)),
  PRIMARY KEY (index_version, document)
) STRICT, WITHOUT ROWID;

-- The chunks of an index version. A chunk that a document has twice is here once.
CREATE TABLE chunks (
  index_version TEXT NOT NULL,
  seq INTEGER NOT NULL,              -- counted over all index versions; names it among the words and in the segment
  document TEXT NOT NULL,
  hash TEXT NOT NULL,                -- SHA-256 of heading and text
  vector TEXT NOT NULL,              -- base64 of its little-endian 32-bit floats
  PRIMARY KEY (index_version, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX chunks_by_hash ON chunks (index_version, document, hash);

-- The greatest number of a chunk so far, in one row.
CREATE TABLE counter (
  seq INTEGER NOT NULL
) STRICT;
INSERT INTO counter (seq) VALUES (0);

-- What chunks say, by their numbers. `scope` is the one word of the index version: a search asks for it too. The words come
-- folded and cut, in any script, with a space between any two (shared/src/search/words.rs): what is not ASCII is part of a
-- word, and only the stem of an English word is found here.
CREATE VIRTUAL TABLE words USING fts5(
  scope,
  heading_words,                     -- the words of the heading
  text_words,                        -- the words of the text
  heading UNINDEXED,                 -- of the chunk, as it was brought
  text UNINDEXED,                    -- the same
  tokenize = 'porter ascii',
  prefix = '1'                       -- what begins with a letter: one letter of a script without spaces is asked for so
);

-- Vectors by what they are of, for whoever asks again: what is unchanged costs no call.
CREATE TABLE vectors (
  tenant TEXT NOT NULL,
  model TEXT NOT NULL,               -- provider/model/dimensions
  hash TEXT NOT NULL,                -- SHA-256 of what was embedded
  vector TEXT NOT NULL,              -- base64 of its little-endian 32-bit floats
  made_at INTEGER NOT NULL,          -- it leaves by age
  PRIMARY KEY (tenant, model, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX vectors_by_age ON vectors (made_at);

-- Providers of embeddings that asked to be left alone: what one invocation was told, all others heed.
CREATE TABLE provider_pauses (
  provider TEXT PRIMARY KEY,         -- its name in the deployment's settings
  until INTEGER NOT NULL             -- nobody asks it before, by the database's own clock
) STRICT, WITHOUT ROWID;

-- Sources that were replaced or removed: what was accepted before that, and is brought later, does not come back.
CREATE TABLE removals (
  index_id TEXT NOT NULL REFERENCES indexes (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  version TEXT NOT NULL,             -- ULID of a job: documents of the source that were accepted before it are superseded
  PRIMARY KEY (index_id, source)
) STRICT, WITHOUT ROWID;
