-- Inserts the jobs of an accept, which makes them durable. Nothing is inserted for a known idempotency key, a job that
-- is refused if it is new, an unknown endpoint, an id with a skewed time, a full store or a reached quota;
-- read_accepted.sql, which runs after it, returns which of them applies.
-- ?1 the list of new jobs, ?2 as in caller.sql, ?3 the allowed skew in ms of the clock that minted the ids, ?4 1 to insert
-- nothing for a caller with a quota, which must be counted, or in an hour that is not noted yet.
-- The list is parsed once: each `->>` on a row of json_each would write it as text and parse it again.
-- include: caller.sql
, new_jobs AS MATERIALIZED (SELECT jsonb(value) AS value FROM json_each(?1))
INSERT INTO jobs (tenant, id, state, run_after, next_check_at, created_at, scheduled_at, deadline_at, kind, endpoint,
  event_id, max_attempts, backoff, idempotency_key, key_until, digest, job_group, metadata, traceparent, tracestate, hops, payload,
  payload_bytes)
SELECT caller.tenant, i.value ->> 'id',
  CASE WHEN i.value ->> 'scheduled_at' > CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'scheduled' ELSE 'queued' END,
  -- A producer's clock that is a little ahead must not delay the job.
  coalesce(i.value ->> 'scheduled_at', min(i.value ->> 'created_at', CAST(unixepoch('subsec') * 1000 AS INTEGER))),
  CASE WHEN i.value ->> 'scheduled_at' > CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN i.value ->> 'scheduled_at' END,
  i.value ->> 'created_at', i.value ->> 'scheduled_at', i.value ->> 'deadline_at',
  i.value ->> 'kind', i.value ->> 'endpoint', i.value ->> 'event_id',
  coalesce(i.value ->> 'max_attempts', e.max_attempts, i.value ->> 'max_attempts_default'),
  coalesce(i.value ->> 'backoff', e.backoff, i.value ->> 'backoff_default'),
  i.value ->> 'idempotency_key',
  CASE WHEN i.value ->> 'idempotency_key' IS NOT NULL THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + (i.value ->> 'key_window_ms') END,
  i.value ->> 'digest', i.value ->> 'group', i.value ->> 'metadata',
  coalesce(i.value ->> 'traceparent', ?2 ->> 'traceparent'),
  -- The request's tracestate belongs to the request's trace only.
  CASE WHEN i.value ->> 'traceparent' IS NULL THEN ?2 ->> 'tracestate' END, ?2 ->> 'hops', i.value ->> 'payload', i.value ->> 'payload_bytes'
FROM caller CROSS JOIN new_jobs i
LEFT JOIN endpoints e ON e.tenant = caller.tenant AND e.id = i.value ->> 'endpoint' AND e.state <> 'deleted'
WHERE (i.value ->> 'endpoint' = '' OR e.id IS NOT NULL) AND i.value ->> 'refused_if_new' IS NULL
  AND abs((i.value ->> 'created_at') - CAST(unixepoch('subsec') * 1000 AS INTEGER)) <= ?3
  AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'storage_full' AND value = 1)
  AND NOT EXISTS (SELECT 1 FROM quotas q WHERE (q.key_id = ?2 ->> 'key' OR (q.key_id = '' AND q.tenant = caller.tenant))
    AND q.day = CAST(unixepoch('subsec') / 86400 AS INTEGER) AND q.jobs >= q.jobs_per_day)
  AND (?4 = 0 OR NOT EXISTS (SELECT 1 FROM quotas q
      WHERE (q.key_id = ?2 ->> 'key' OR (q.key_id = '' AND q.tenant = caller.tenant)) AND q.jobs_per_day IS NOT NULL)
    AND EXISTS (SELECT 1 FROM tenant_hours h
      WHERE h.hour = (i.value ->> 'created_at') / 3600000 AND h.tenant = caller.tenant))
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
