-- Finds the documents that an index version has not chunked in their current text. ?1 id of the index, ?2 the index version, ?3
-- after this document, ?4 limit. A walk over all pages reads each document once.
SELECT json_quote(d.id) FROM documents d LEFT JOIN layouts l ON l.index_version = ?2 AND l.document = d.id
WHERE d.index_id = ?1 AND d.id > ?3 AND d.deleted = 0 AND l.hash IS NOT d.hash ORDER BY d.id LIMIT ?4
