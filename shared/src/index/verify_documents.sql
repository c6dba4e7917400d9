-- Reads documents with their layouts and the hashes of their chunks. ?1 id of the index, ?2 the index version, ?3 after this
-- document, ?4 limit.
SELECT json_object('id', d.id, 'deleted', d.deleted, 'hash', d.hash, 'chunked', l.hash,
  'layout', json(coalesce((SELECT json_group_array(s.value ->> 0) FROM json_each(l.chunks) s), '[]')),
  'chunks', json((SELECT json_group_array(c.hash) FROM chunks c WHERE c.index_version = ?2 AND c.document = d.id)))
FROM documents d LEFT JOIN layouts l ON l.index_version = ?2 AND l.document = d.id
WHERE d.index_id = ?1 AND d.id > ?3 ORDER BY d.id LIMIT ?4
