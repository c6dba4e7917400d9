-- Chunks that a document has no more. ?1 {"index","document","version","index version"}, ?2 the hashes that it has.
DELETE FROM chunks WHERE index_version = ?1 ->> 'index_version' AND document = ?1 ->> 'document'
  AND hash NOT IN (SELECT value FROM json_each(?2))
  AND EXISTS (SELECT 1 FROM documents d
    WHERE d.index_id = ?1 ->> 'index' AND d.id = ?1 ->> 'document' AND d.version = ?1 ->> 'version')
RETURNING ''
