-- Reads a page of an index's documents for an export. ?1 tenant, ?2 index, ?3 after this document, ?4 limit.
SELECT json_object('tenant', i.tenant, 'index', i.name, 'id', d.id, 'source', d.source,
  'metadata', json(d.metadata), 'text', d.text, 'written_at', d.written_at)
FROM indexes i CROSS JOIN documents d ON d.index_id = i.id AND d.id > ?3
WHERE i.tenant = ?1 AND i.name = ?2 AND d.deleted = 0 ORDER BY d.id LIMIT ?4
