-- A document as it was brought. ?1 the id of the index, ?2 the document.
SELECT json_object('version', version, 'deleted', deleted, 'source', source, 'metadata', json(metadata), 'text', text)
FROM documents WHERE index_id = ?1 AND id = ?2
