-- Revokes an API key, effective from the next statement. ?1 id, ?2 the tenant, or * for any.
UPDATE api_keys SET revoked_at = coalesce(revoked_at, CAST(unixepoch('subsec') * 1000 AS INTEGER))
WHERE id = ?1 AND (?2 = '*' OR tenant = ?2)
RETURNING json_object('id', id)
