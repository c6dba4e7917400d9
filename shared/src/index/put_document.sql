-- Writes or deletes a document, if its version is still the one that the job has read. ?1 id of the index, ?2 the document:
-- {"id","version","deleted","source","hash","metadata"}, ?3 its text, ?4 the version that was read, or NULL, ?5 [index version,
-- ...] known to the job; must contain all that the index names, ?6 the serving index version, ?7 [[index version, change of its
-- number of chunks, maximum number of chunks], ...]. Writes nothing if the source was removed by a later version.
INSERT INTO documents (index_id, id, version, deleted, source, hash, text, metadata, written_at)
SELECT i.id, ?2 ->> 'id', ?2 ->> 'version', ?2 ->> 'deleted', ?2 ->> 'source', ?2 ->> 'hash', ?3, ?2 -> 'metadata',
  CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM indexes i WHERE i.id = ?1 AND i.serving = ?6
  AND NOT EXISTS (SELECT 1 FROM json_each(json_array(i.serving, i.building)) g
    WHERE g.value IS NOT NULL AND g.value NOT IN (SELECT value FROM json_each(?5)))
  AND NOT EXISTS (SELECT 1 FROM json_each(?7) n CROSS JOIN index_versions g ON g.id = n.value ->> 0
    WHERE g.chunks + (n.value ->> 1) > n.value ->> 2)
  AND NOT EXISTS (SELECT 1 FROM removals r
    WHERE r.index_id = i.id AND r.source = ?2 ->> 'source' AND r.version > ?2 ->> 'version')
ON CONFLICT (index_id, id) DO UPDATE SET version = excluded.version, deleted = excluded.deleted, source = excluded.source,
  hash = excluded.hash, text = excluded.text, metadata = excluded.metadata, written_at = excluded.written_at
WHERE documents.version = ?4
RETURNING ''
