-- Deletes documents of the index version that was dropped first, if its index no longer exists. ?1 maximum number.
DELETE FROM documents WHERE (index_id, id) IN (SELECT d.index_id, d.id FROM
  (SELECT index_id FROM index_versions WHERE dropped_at IS NOT NULL ORDER BY dropped_at LIMIT 1) g
  CROSS JOIN documents d ON d.index_id = g.index_id
  WHERE NOT EXISTS (SELECT 1 FROM indexes i WHERE i.id = g.index_id) LIMIT ?1)
RETURNING ''
