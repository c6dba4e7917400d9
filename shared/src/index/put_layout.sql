-- Writes the layout of a document after its chunks. ?1 {"index","document","version","index_version"}, ?2 its chunks; none for
-- a deleted document.
INSERT INTO layouts (index_version, document, hash, chunks)
SELECT g.id, d.id, d.hash, ?2
FROM index_versions g CROSS JOIN documents d
WHERE g.id = ?1 ->> 'index_version' AND g.dropped_at IS NULL
  AND d.index_id = ?1 ->> 'index' AND d.id = ?1 ->> 'document' AND d.version = ?1 ->> 'version'
ON CONFLICT (index_version, document) DO UPDATE SET hash = excluded.hash, chunks = excluded.chunks
RETURNING ''
