-- Deletes chunks of the index version that was dropped first. ?1 maximum number.
DELETE FROM chunks WHERE (index_version, seq) IN (SELECT c.index_version, c.seq FROM
  (SELECT id FROM index_versions WHERE dropped_at IS NOT NULL ORDER BY dropped_at LIMIT 1) g
  CROSS JOIN chunks c ON c.index_version = g.id ORDER BY c.seq LIMIT ?1)
RETURNING ''
