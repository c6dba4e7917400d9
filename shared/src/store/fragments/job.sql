-- A row of `jobs` without its payload, and from its log only the start of the last attempt. Three objects are merged into
-- one, because a function takes at most 32 arguments on D1. The last two have the columns that may be NULL.
json_patch(json_patch(
  json_object('tenant', tenant, 'id', id, 'state', state, 'attempt', attempt, 'failures', failures,
    'max_attempts', max_attempts, 'kind', kind, 'endpoint', endpoint, 'created_at', created_at, 'run_after', run_after,
    'payload_bytes', payload_bytes, 'traceparent', traceparent, 'metadata', json(metadata), 'error', json(error), 'result', json(result),
    'started_at', log ->> '$[#-1].started_at'),
  json_object('event_id', event_id, 'idempotency_key', idempotency_key, 'deadline_at', deadline_at,
    'finished_at', finished_at, 'group', job_group, 'schedule', schedule, 'scheduled_for', scheduled_for,
    'cancel_requested', cancel_requested, 'result_error', result_error,
    'dead_state', dead_state, 'dead_reason', dead_reason, 'note', note, 'next_check_at', next_check_at,
    'completion_due_at', CASE deferred WHEN 1 THEN lease_until END, 'replay_of', replay_of, 'replayed_by', replayed_by)),
  json_object('cause', cause, 'dies_at', dies_at, 'action', action))
