-- One page of a tenant's jobs, the newest first. ?1 is {"tenant","before","from","state","kind","endpoint","group",
-- "event_id"}, ?2 the rows to read, ?3 the rows to answer. An event id is the job's own id unless it was given.
-- Two objects in one, because a function takes 32 arguments on D1; the second has what may be null.
SELECT json_patch(
  json_object('tenant', tenant, 'id', id, 'state', state, 'attempt', attempt, 'failures', failures,
    'max_attempts', max_attempts, 'kind', kind, 'endpoint', endpoint, 'created_at', created_at, 'run_after', run_after,
    'payload_bytes', payload_bytes, 'traceparent', traceparent, 'metadata', json(metadata), 'error', json(error), 'result', json(result)),
  json_object('event_id', event_id, 'idempotency_key', idempotency_key, 'deadline_at', deadline_at,
    'finished_at', finished_at, 'group', job_group, 'schedule', schedule, 'scheduled_for', scheduled_for,
    'cancel_requested', cancel_requested, 'result_error', result_error,
    'dead_state', dead_state, 'dead_reason', dead_reason, 'note', note, 'look_at', look_at,
    'completion_due_at', CASE deferred WHEN 1 THEN lease_until END, 'replay_of', replay_of, 'replayed_by', replayed_by))
FROM (SELECT * FROM jobs WHERE tenant = ?1 ->> 'tenant' AND id < ?1 ->> 'before' AND id >= ?1 ->> 'from'
  ORDER BY id DESC LIMIT ?2)
WHERE (?1 ->> 'state' IS NULL OR state = ?1 ->> 'state')
  AND (?1 ->> 'kind' IS NULL OR kind = ?1 ->> 'kind')
  AND (?1 ->> 'endpoint' IS NULL OR endpoint = ?1 ->> 'endpoint')
  AND (?1 ->> 'group' IS NULL OR job_group = ?1 ->> 'group')
  AND (?1 ->> 'event_id' IS NULL OR coalesce(event_id, id) = ?1 ->> 'event_id')
ORDER BY id DESC LIMIT ?3
