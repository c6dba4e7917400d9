-- Notes that an API key was used. ?1 its id, ?2 the shortest time in ms between two notes.
UPDATE api_keys SET last_used_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?2)
RETURNING json_object('id', id)
