-- Rotates a signing secret; the previous one signs too for 24 hours. ?1 tenant, ?2 id, ?3 the version that the caller
-- read.
UPDATE endpoints SET secret_version = secret_version + 1, rotated_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), updated_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE tenant = ?1 AND id = ?2 AND secret_version = ?3 AND state <> 'deleted'
RETURNING json_object('id', id)
