-- The jobs that hold an idempotency key, one per kind and endpoint. ?1 tenant, ?2 key, ?3 rows.
SELECT json_object('tenant', tenant, 'id', id, 'state', state, 'attempt', attempt, 'failures', failures,
  'max_attempts', max_attempts, 'kind', kind, 'endpoint', endpoint, 'event_id', event_id,
  'idempotency_key', idempotency_key, 'created_at', created_at, 'run_after', run_after,
  'deadline_at', deadline_at, 'finished_at', finished_at, 'group', job_group, 'schedule', schedule,
  'metadata', json(metadata), 'error', json(error), 'result', json(result), 'cancel_requested', cancel_requested,
  'dead_state', dead_state, 'dead_reason', dead_reason, 'note', note, 'look_at', look_at,
  'replay_of', replay_of, 'replayed_by', replayed_by)
FROM jobs INDEXED BY jobs_by_key WHERE tenant = ?1 AND idempotency_key = ?2 LIMIT ?3
