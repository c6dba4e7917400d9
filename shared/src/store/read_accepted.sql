-- Reads the row of each new job: its own row, the row that holds its idempotency key, or none.
-- ?1 the list of new jobs, ?2 as in caller.sql.
-- include: caller.sql
SELECT json_object('index', i.value ->> 'index', 'tenant', caller.tenant, 'minted', i.value ->> 'id',
  'id', j.id, 'digest', j.digest, 'kind', j.kind, 'event_id', j.event_id,
  'created_at', j.created_at, 'scheduled_at', j.scheduled_at, 'refused', i.value ->> 'refused_if_new' IS NOT NULL,
  'endpoint_known', i.value ->> 'endpoint' = '' OR EXISTS (SELECT 1 FROM endpoints e
    WHERE e.tenant = caller.tenant AND e.id = i.value ->> 'endpoint' AND e.state <> 'deleted'))
FROM caller CROSS JOIN json_each(?1) i
LEFT JOIN jobs j ON j.tenant = caller.tenant AND j.id = coalesce(
  (SELECT k.id FROM jobs k WHERE k.tenant = caller.tenant AND k.idempotency_key = i.value ->> 'idempotency_key'
    AND k.kind = i.value ->> 'kind' AND k.endpoint = i.value ->> 'endpoint'),
  i.value ->> 'id')
