-- Documents of a source that were accepted before. ?1 the id of the index, ?2 the source, ?3 accepted before this version,
-- ?4 after this document, ?5 at most. A round over all of them reads each once.
SELECT json_quote(id) FROM documents
WHERE index_id = ?1 AND source = ?2 AND deleted = 0 AND version < ?3 AND id > ?4 ORDER BY id LIMIT ?5
