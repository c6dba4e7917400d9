-- Swaps the building index version in, once it has chunked every document in its current text. ?1 tenant, ?2 name, ?3 the index
-- version.
UPDATE indexes SET serving = building, building = NULL
WHERE tenant = ?1 AND name = ?2 AND building = ?3 AND NOT EXISTS (SELECT 1 FROM documents d
  LEFT JOIN layouts l ON l.index_version = ?3 AND l.document = d.id
  WHERE d.index_id = indexes.id AND d.deleted = 0 AND l.hash IS NOT d.hash)
RETURNING ''
