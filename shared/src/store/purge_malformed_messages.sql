-- Malformed messages leave like dead letters. ?1 their age in ms, ?2 how many at most.
DELETE FROM malformed_messages WHERE id IN (SELECT id FROM malformed_messages WHERE created_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 LIMIT ?2)
RETURNING json_object('id', id)
