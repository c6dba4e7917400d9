-- Reads the row of each new job: its own row, the row that holds its idempotency key, or none. A row is the fields of
-- `AcceptedRow` in their order.
-- ?1 the lookups of new jobs, ?2 as in caller.sql.
-- include: caller.sql
, lookups AS MATERIALIZED (SELECT jsonb(value) AS value FROM json_each(?1))
SELECT json_array(i.value ->> 'index', caller.tenant, i.value ->> 'id', j.id, j.digest, j.kind, j.event_id, j.created_at,
  j.scheduled_at, i.value ->> 'endpoint' = '' OR EXISTS (SELECT 1 FROM endpoints e
    WHERE e.tenant = caller.tenant AND e.id = i.value ->> 'endpoint' AND e.state <> 'deleted'),
  i.value ->> 'refused_if_new' IS NOT NULL, coalesce(j.key_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER), 0))
FROM caller CROSS JOIN lookups i
LEFT JOIN jobs j ON j.tenant = caller.tenant AND j.id = coalesce(
  (SELECT k.id FROM jobs k WHERE k.tenant = caller.tenant AND k.idempotency_key = i.value ->> 'idempotency_key'
    AND k.kind = i.value ->> 'kind' AND k.endpoint = i.value ->> 'endpoint'),
  i.value ->> 'id')
