-- Deletes chunks whose documents do not exist. ?1 the index version, ?2 [document, ...].
DELETE FROM chunks WHERE (index_version, seq) IN (SELECT c.index_version, c.seq FROM json_each(?2) j
  CROSS JOIN index_versions g ON g.id = ?1
  CROSS JOIN chunks c ON c.index_version = g.id AND c.document = j.value
  WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.index_id = g.index_id AND d.id = c.document))
RETURNING ''
