-- A new secret; the one before it signs too for a day. ?1 tenant, ?2 id, ?3 the version the caller saw.
UPDATE endpoints SET secret_version = secret_version + 1, rotated_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), updated_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE tenant = ?1 AND id = ?2 AND secret_version = ?3 AND state <> 'deleted'
RETURNING json_object('id', id)
