-- Deletes the row of an index. ?1 tenant, ?2 name.
DELETE FROM indexes WHERE tenant = ?1 AND name = ?2
RETURNING json_object('id', id)
