-- An index is made, unless there is one of that name. ?1 tenant, ?2 name, ?3 id, ?4 generation.
INSERT INTO indexes (tenant, name, id, serving, created_at)
VALUES (?1, ?2, ?3, ?4, CAST(unixepoch('subsec') * 1000 AS INTEGER))
ON CONFLICT (tenant, name) DO NOTHING
RETURNING json_object('id', id)
