-- An index version has left. ?1 which.
DELETE FROM index_versions WHERE id = ?1 AND dropped_at IS NOT NULL RETURNING ''
