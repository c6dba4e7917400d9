-- A page of a tenant's jobs, whole, the newest first. ?1 tenant, ?2 the id before which, ?3 rows.
-- Three objects in one, because a function takes 32 arguments on D1; the last two have what may be null.
SELECT json_patch(json_patch(
  json_object('tenant', tenant, 'id', id, 'state', state, 'attempt', attempt, 'failures', failures,
    'max_attempts', max_attempts, 'kind', kind, 'endpoint', endpoint, 'created_at', created_at, 'run_after', run_after,
    'payload_bytes', payload_bytes, 'traceparent', traceparent, 'metadata', json(metadata), 'error', json(error), 'result', json(result),
    'log', json(log)),
  json_object('event_id', event_id, 'idempotency_key', idempotency_key, 'deadline_at', deadline_at,
    'finished_at', finished_at, 'group', job_group, 'schedule', schedule, 'scheduled_for', scheduled_for,
    'cancel_requested', cancel_requested, 'result_error', result_error,
    'dead_state', dead_state, 'dead_reason', dead_reason, 'note', note, 'look_at', look_at,
    'completion_due_at', CASE deferred WHEN 1 THEN lease_until END, 'replay_of', replay_of, 'replayed_by', replayed_by)),
  json_object('payload', payload))
FROM jobs WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3
