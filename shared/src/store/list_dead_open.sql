-- Open dead letters, the latest death first. ?1 {"tenant","died_at","id"}: the position after which, ?2 rows.
SELECT json_object('tenant', tenant, 'id', id, 'state', state, 'attempt', attempt, 'failures', failures,
  'max_attempts', max_attempts, 'kind', kind, 'endpoint', endpoint, 'event_id', event_id,
  'idempotency_key', idempotency_key, 'created_at', created_at, 'run_after', run_after,
  'deadline_at', deadline_at, 'finished_at', finished_at, 'group', job_group, 'schedule', schedule,
  'metadata', json(metadata), 'error', json(error), 'result', json(result), 'cancel_requested', cancel_requested,
  'dead_state', dead_state, 'dead_reason', dead_reason, 'note', note, 'look_at', look_at,
  'replay_of', replay_of, 'replayed_by', replayed_by, 'log', json(log))
FROM jobs INDEXED BY jobs_dead_open
WHERE tenant = ?1 ->> 'tenant' AND dead_state = 'open'
  AND (finished_at, id) < (?1 ->> 'died_at', ?1 ->> 'id')
ORDER BY finished_at DESC, id DESC LIMIT ?2
