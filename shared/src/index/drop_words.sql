-- Deletes the words of chunks that a document no longer has. ?1 {"index","document","version","index_version"}, ?2 hashes of
-- its current chunks.
DELETE FROM words WHERE rowid IN (SELECT c.seq FROM documents d
  CROSS JOIN chunks c ON c.index_version = ?1 ->> 'index_version' AND c.document = d.id
  WHERE d.index_id = ?1 ->> 'index' AND d.id = ?1 ->> 'document' AND d.version = ?1 ->> 'version'
    AND c.hash NOT IN (SELECT value FROM json_each(?2)))
