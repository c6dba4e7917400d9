-- Creates an index, unless the name is taken or this request has created it before. ?1 tenant, ?2 name, ?3 id, ?4 index
-- version.
INSERT INTO indexes (tenant, name, id, serving, created_at)
SELECT ?1, ?2, ?3, ?4, CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE NOT EXISTS (SELECT 1 FROM index_versions WHERE id = ?4)
ON CONFLICT (tenant, name) DO NOTHING
RETURNING json_object('id', id)
