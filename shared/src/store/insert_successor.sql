-- Inserts the job that sends a finished one again, with the same event id. Inserts nothing if
-- another job holds the idempotency key.
-- ?1 tenant, ?2 id of the finished job, ?3 id of the new job, ?4 its time, ?5 the allowed skew in ms, ?6 the edited
-- payload, ?7 its digest, or NULL to use the finished job's payload, ?8 the size in bytes of its object,
-- ?9 NULL for a replay of a dead letter, which names the new job; otherwise a resend of a succeeded or cancelled job:
-- {"key","digest","window_ms"}, or {} without an idempotency key.
INSERT INTO jobs (tenant, id, state, run_after, created_at, kind, endpoint, event_id, max_attempts, backoff, idempotency_key,
  key_until, digest, job_group, schedule, scheduled_for, metadata, replay_of, traceparent, tracestate, hops, payload, payload_bytes)
SELECT tenant, ?3, 'queued', CAST(unixepoch('subsec') * 1000 AS INTEGER), ?4, kind, endpoint, coalesce(event_id, id), max_attempts, backoff,
  ?9 ->> 'key', CASE WHEN ?9 ->> 'key' IS NOT NULL THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + (?9 ->> 'window_ms') END,
  coalesce(?9 ->> 'digest', ?7, digest), job_group, schedule, scheduled_for, metadata, id, traceparent, tracestate, hops,
  CASE WHEN ?7 IS NULL THEN payload ELSE ?6 END, CASE WHEN ?7 IS NULL THEN payload_bytes ELSE CAST(?8 AS INTEGER) END
FROM jobs WHERE tenant = ?1 AND id = ?2 AND CASE WHEN ?9 IS NULL THEN state = 'dead' AND replayed_by = ?3
  ELSE state IN ('succeeded', 'cancelled') AND
-- include: successor.sql
  END
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
