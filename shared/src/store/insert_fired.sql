-- Inserts the jobs that the histories name, and no others.
-- ?1 as in fire.sql, ?2 the window of an occurrence's key in ms.
INSERT INTO jobs (tenant, id, state, run_after, created_at, kind, endpoint, max_attempts, backoff, idempotency_key, key_until,
  digest, job_group, schedule, scheduled_for, metadata, payload, traceparent, tracestate, hops)
SELECT s.tenant, c.value ->> 'job_id', 'queued', CAST(unixepoch('subsec') * 1000 AS INTEGER), i.value ->> 'created_at',
  s.job ->> 'kind', s.endpoint,
  coalesce(s.job ->> 'max_attempts', e.max_attempts, s.job ->> 'max_attempts_default'),
  coalesce(s.job ->> 'backoff', e.backoff, s.job ->> 'backoff_default'),
  c.value ->> 'key', CASE WHEN c.value ->> 'key' IS NOT NULL THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2 END,
  s.job ->> 'digest', s.job ->> 'group', s.id, c.value ->> 'scheduled_for', s.job ->> 'metadata', s.job ->> 'payload',
  c.value ->> 'traceparent', c.value ->> 'tracestate', c.value ->> 'hops'
FROM json_each(?1) i CROSS JOIN json_each(i.value, '$.entries') c
CROSS JOIN schedules s ON s.tenant = i.value ->> 'tenant' AND s.id = i.value ->> 'id'
LEFT JOIN endpoints e ON e.tenant = s.tenant AND e.id = s.endpoint AND e.state <> 'deleted'
WHERE c.value ->> 'job_id' IS NOT NULL AND s.revision = i.value ->> 'revision' AND s.last_occurrence = i.value ->> 'last_occurrence'
  AND EXISTS (SELECT 1 FROM json_each(s.history) h WHERE h.value ->> 'job_id' = c.value ->> 'job_id')
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
