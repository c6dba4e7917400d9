-- What chunks said that a document has no more. ?1 {"index","document","version","index version"}, ?2 the hashes that it has.
DELETE FROM words WHERE rowid IN (SELECT c.seq FROM documents d
  CROSS JOIN chunks c ON c.index_version = ?1 ->> 'index_version' AND c.document = d.id
  WHERE d.index_id = ?1 ->> 'index' AND d.id = ?1 ->> 'document' AND d.version = ?1 ->> 'version'
    AND c.hash NOT IN (SELECT value FROM json_each(?2)))
