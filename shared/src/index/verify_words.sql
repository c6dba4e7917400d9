-- Finds words rows of an index version without a chunk. ?1 the index version.
SELECT json_array(w.rowid) FROM words w WHERE w.words MATCH 'scope : "' || ?1 || '"'
  AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.index_version = ?1 AND c.seq = w.rowid)
