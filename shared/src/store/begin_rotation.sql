-- Begins the walk of a master key rotation.
-- ?1 the ids of the new and the old key, ?2 now by the database's clock, as it was read.
INSERT INTO rotations (keys, since, began_at, place, at, found) VALUES (?1, ?2, ?2, 0, '["",""]', 0)
ON CONFLICT DO NOTHING
RETURNING json_object('keys', keys)
