-- Inserts the row of an index version that the index now names. ?1 tenant, ?2 name, ?3 the index version:
-- {"id","provider","model","dimensions","chunk_chars","overlap_chars","chunker"}.
INSERT INTO index_versions (id, index_id, tenant, provider, model, dimensions, chunk_chars, overlap_chars, chunker, created_at)
SELECT ?3 ->> 'id', id, tenant, ?3 ->> 'provider', ?3 ->> 'model', ?3 ->> 'dimensions', ?3 ->> 'chunk_chars',
  ?3 ->> 'overlap_chars', ?3 ->> 'chunker', CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM indexes WHERE tenant = ?1 AND name = ?2 AND ?3 ->> 'id' IN (serving, building)
ON CONFLICT (id) DO NOTHING
RETURNING json_object('id', id)
