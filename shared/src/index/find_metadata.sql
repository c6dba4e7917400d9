-- What documents of an index say of themselves, and their chunks. ?1 tenant, ?2 name, ?3 after this document, ?4 at most. A search
-- with a filter reads every document and chunk, page by page.
SELECT json_array(d.id, json(d.metadata), json((SELECT json_group_array(c.seq) FROM chunks c
    WHERE c.generation = i.serving AND c.document = d.id)))
FROM indexes i CROSS JOIN documents d ON d.index_id = i.id AND d.id > ?3
WHERE i.tenant = ?1 AND i.name = ?2 AND d.deleted = 0 ORDER BY d.id LIMIT ?4
