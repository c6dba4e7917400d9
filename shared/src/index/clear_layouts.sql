-- Deletes layouts of the index version that was dropped first. ?1 maximum number.
DELETE FROM layouts WHERE (index_version, document) IN (SELECT l.index_version, l.document FROM
  (SELECT id FROM index_versions WHERE dropped_at IS NOT NULL ORDER BY dropped_at LIMIT 1) g
  CROSS JOIN layouts l ON l.index_version = g.id LIMIT ?1)
RETURNING ''
