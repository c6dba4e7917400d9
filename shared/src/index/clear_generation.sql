-- A generation has left. ?1 which.
DELETE FROM generations WHERE id = ?1 AND dropped_at IS NOT NULL RETURNING ''
