-- Documents that an index version has not cut as they stand. ?1 the id of the index, ?2 the index version, ?3 after this document,
-- ?4 at most. A round over all of them reads each once.
SELECT json_quote(d.id) FROM documents d LEFT JOIN layouts l ON l.index_version = ?2 AND l.document = d.id
WHERE d.index_id = ?1 AND d.id > ?3 AND d.deleted = 0 AND l.hash IS NOT d.hash ORDER BY d.id LIMIT ?4
