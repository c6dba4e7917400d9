-- What is decided by when a deferred attempt ends. ?1 [[tenant, id], ...].
-- Two objects in one, because a function takes 32 arguments on D1.
SELECT json_patch(json_object('tenant', j.tenant, 'id', j.id, 'kind', j.kind, 'endpoint', j.endpoint,
  'state', j.state,
  'deferred', j.deferred, 'attempt', j.attempt, 'failures', j.failures, 'max_attempts', j.max_attempts,
  'backoff', j.backoff, 'deadline_at', j.deadline_at, 'lease_token', j.lease_token, 'lease_until', j.lease_until,
  'started_at', CASE WHEN j.attempt > 0 THEN json_extract(j.log, '$[' || (j.attempt - 1) || '].started_at') END,
  'bury_on', json(coalesce(e.bury_on, '[]')), 'now', CAST(unixepoch('subsec') * 1000 AS INTEGER)), json_object('group', j.job_group))
FROM json_each(?1) i
CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
LEFT JOIN endpoints e ON e.tenant = j.tenant AND e.id = j.endpoint
