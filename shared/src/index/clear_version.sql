-- Deletes the row of a dropped index version. ?1 the index version.
DELETE FROM index_versions WHERE id = ?1 AND dropped_at IS NOT NULL RETURNING ''
