-- Deletes the chunks that a document no longer has. ?1 {"index","document","version","index_version"}, ?2 hashes of its current
-- chunks.
DELETE FROM chunks WHERE index_version = ?1 ->> 'index_version' AND document = ?1 ->> 'document'
  AND hash NOT IN (SELECT value FROM json_each(?2))
  AND EXISTS (SELECT 1 FROM documents d
    WHERE d.index_id = ?1 ->> 'index' AND d.id = ?1 ->> 'document' AND d.version = ?1 ->> 'version')
RETURNING ''
