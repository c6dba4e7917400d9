-- Reads a document with its text. ?1 id of the index, ?2 the document.
SELECT json_object('version', version, 'deleted', deleted, 'source', source, 'metadata', json(metadata), 'text', text)
FROM documents WHERE index_id = ?1 AND id = ?2
