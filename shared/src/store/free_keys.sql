-- Releases idempotency keys whose window has ended: the old job keeps its row and loses the key. ?1 the
-- lookups of new jobs.
-- include: caller.sql
UPDATE jobs SET idempotency_key = NULL, key_until = NULL
WHERE (tenant, id) IN (
    SELECT o.tenant, o.id FROM caller CROSS JOIN json_each(?1) i
    CROSS JOIN jobs o INDEXED BY jobs_by_key ON o.tenant = caller.tenant
      AND o.idempotency_key = i.value ->> 'idempotency_key' AND o.kind = i.value ->> 'kind'
      AND o.endpoint = i.value ->> 'endpoint'
    WHERE o.key_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
RETURNING json_object('id', id)
