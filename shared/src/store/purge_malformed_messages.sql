-- Deletes malformed messages at the age of dead letters. ?1 the age in ms, ?2 the maximum number of rows.
DELETE FROM malformed_messages WHERE id IN (SELECT id FROM malformed_messages WHERE created_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 LIMIT ?2)
RETURNING json_object('id', id)
