-- Deletes layouts whose documents do not exist. ?1 the index version, ?2 [document, ...].
DELETE FROM layouts WHERE (index_version, document) IN (SELECT g.id, j.value FROM json_each(?2) j CROSS JOIN index_versions g
  WHERE g.id = ?1 AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.index_id = g.index_id AND d.id = j.value))
RETURNING ''
