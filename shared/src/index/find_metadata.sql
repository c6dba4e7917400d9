-- Reads the metadata and the chunk numbers of a page of documents. ?1 the index version, ?2 id of the index, ?3 after this
-- document, ?4 limit. A search with a filter reads every document and chunk, page by page.
SELECT json_array(d.id, json(d.metadata), json((SELECT json_group_array(c.seq) FROM chunks c
    WHERE c.index_version = ?1 AND c.document = d.id)))
FROM documents d WHERE d.index_id = ?2 AND d.id > ?3 AND d.deleted = 0 ORDER BY d.id LIMIT ?4
