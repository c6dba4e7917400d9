-- Finds the documents of a source that were accepted before a version. ?1 id of the index, ?2 the source, ?3 the version, ?4
-- after this document, ?5 limit. A walk over all pages reads each document once.
SELECT json_quote(id) FROM documents
WHERE index_id = ?1 AND source = ?2 AND deleted = 0 AND version < ?3 AND id > ?4 ORDER BY id LIMIT ?5
