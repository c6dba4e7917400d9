-- What the documents of an index say of themselves, and their chunks. ?1 tenant, ?2 name. It reads every document and chunk: a
-- search with a filter does.
SELECT json_array(json(d.metadata), json((SELECT json_group_array(c.seq) FROM chunks c
    WHERE c.generation = i.serving AND c.document = d.id)))
FROM indexes i CROSS JOIN documents d ON d.index_id = i.id
WHERE i.tenant = ?1 AND i.name = ?2 AND d.deleted = 0
