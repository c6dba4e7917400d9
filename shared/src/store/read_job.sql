-- One job, whole. ?1 tenant, ?2 id.
SELECT json_object('tenant', tenant, 'id', id, 'state', state, 'attempt', attempt, 'failures', failures,
  'max_attempts', max_attempts, 'kind', kind, 'endpoint', endpoint, 'event_id', event_id,
  'idempotency_key', idempotency_key, 'created_at', created_at, 'run_after', run_after,
  'deadline_at', deadline_at, 'finished_at', finished_at, 'group', job_group, 'schedule', schedule,
  'metadata', json(metadata), 'error', json(error), 'result', json(result), 'cancel_requested', cancel_requested,
  'dead_state', dead_state, 'dead_reason', dead_reason, 'note', note, 'look_at', look_at,
  'replay_of', replay_of, 'replayed_by', replayed_by, 'log', json(log), 'payload', payload)
FROM jobs WHERE tenant = ?1 AND id = ?2
