-- Finds the index version that was dropped first, and reports if all its data is deleted.
SELECT json_object('id', g.id, 'tenant', g.tenant, 'is_empty',
  NOT EXISTS (SELECT 1 FROM chunks c WHERE c.index_version = g.id)
  AND NOT EXISTS (SELECT 1 FROM layouts l WHERE l.index_version = g.id)
  AND (EXISTS (SELECT 1 FROM indexes i WHERE i.id = g.index_id)
    OR NOT EXISTS (SELECT 1 FROM documents d WHERE d.index_id = g.index_id)))
FROM index_versions g WHERE dropped_at IS NOT NULL ORDER BY dropped_at LIMIT 1
