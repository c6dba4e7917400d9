-- The job that repeats a dead one, with the same event id. ?1 tenant, ?2 id of the dead job, ?3 id of the new job,
-- ?4 its time, ?5 the edited payload, ?6 its digest, ?7 the bytes of its object. ?6 NULL: the payload is the dead job's own.
INSERT INTO jobs (tenant, id, state, run_after, created_at, kind, endpoint, event_id, max_attempts, backoff, digest,
  job_group, schedule, scheduled_for, metadata, replay_of, traceparent, tracestate, hops, payload, payload_bytes)
SELECT tenant, ?3, 'queued', CAST(unixepoch('subsec') * 1000 AS INTEGER), ?4, kind, endpoint, coalesce(event_id, id), max_attempts, backoff,
  coalesce(?6, digest), job_group, schedule, scheduled_for, metadata, id, traceparent, tracestate, hops,
  CASE WHEN ?6 IS NULL THEN payload ELSE ?5 END, CASE WHEN ?6 IS NULL THEN payload_bytes ELSE CAST(?7 AS INTEGER) END
FROM jobs WHERE tenant = ?1 AND id = ?2 AND +state = 'dead' AND replayed_by = ?3
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
