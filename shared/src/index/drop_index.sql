-- An index is there no more. ?1 tenant, ?2 name.
DELETE FROM indexes WHERE tenant = ?1 AND name = ?2
RETURNING json_object('id', id)
