-- Releases one idempotency key if its window has ended: the old job keeps its row and loses the key.
-- ?1 tenant, ?2 key, ?3 kind, ?4 endpoint.
UPDATE jobs SET idempotency_key = NULL, key_until = NULL
WHERE (tenant, id) IN (SELECT o.tenant, o.id FROM jobs o INDEXED BY jobs_by_key
  WHERE o.tenant = ?1 AND o.idempotency_key = ?2 AND o.kind = ?3 AND o.endpoint = ?4
    AND o.key_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
RETURNING json_object('id', id)
