-- Inserts the jobs that send finished ones again, with the same event ids. Inserts nothing if another job holds the
-- idempotency key.
-- ?1 tenant, ?2 [{"id","new","run_after","payload","digest","bytes","resend"}, ...]: the finished jobs and the new ones; with a digest
-- the payload is the edited one, else that of the finished job; bytes are the size of its object. Without resend, a dead letter is
-- replayed, which names the new job; with it, a succeeded or cancelled job is sent again: {"key","digest","window_ms"}, or {} without
-- an idempotency key. ?3 the action or NULL, ?4 the time of the new ids, ?5 the allowed skew in ms.
INSERT INTO jobs (tenant, id, state, run_after, next_check_at, created_at, kind, endpoint, event_id, max_attempts, backoff,
  idempotency_key, key_until, digest, job_group, schedule, scheduled_for, metadata, replay_of, action, traceparent, tracestate, hops,
  payload, payload_bytes)
SELECT jobs.tenant, i.value ->> 'new', CASE WHEN i.value ->> 'run_after' > CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'scheduled' ELSE 'queued' END,
  coalesce(i.value ->> 'run_after', CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  CASE WHEN i.value ->> 'run_after' > CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN i.value ->> 'run_after' END,
  ?4, jobs.kind, jobs.endpoint, coalesce(jobs.event_id, jobs.id), jobs.max_attempts, jobs.backoff, i.value ->> '$.resend.key',
  CASE WHEN i.value ->> '$.resend.key' IS NOT NULL THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + (i.value ->> '$.resend.window_ms') END,
  coalesce(i.value ->> '$.resend.digest', i.value ->> 'digest', jobs.digest), jobs.job_group, jobs.schedule, jobs.scheduled_for,
  jobs.metadata, jobs.id, ?3, jobs.traceparent, jobs.tracestate, jobs.hops,
  CASE WHEN i.value ->> 'digest' IS NULL THEN jobs.payload ELSE i.value ->> 'payload' END,
  CASE WHEN i.value ->> 'digest' IS NULL THEN jobs.payload_bytes ELSE i.value ->> 'bytes' END
FROM json_each(?2) i CROSS JOIN jobs ON jobs.tenant = ?1 AND jobs.id = i.value ->> 'id'
WHERE CASE WHEN i.value -> 'resend' IS NULL THEN jobs.state = 'dead' AND jobs.replayed_by = i.value ->> 'new'
  ELSE jobs.state IN ('succeeded', 'cancelled') AND
-- include: successor.sql
  END
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
