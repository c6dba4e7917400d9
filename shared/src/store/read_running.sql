-- Reads the values that decide what follows when a completion, or the lack of one, ends an attempt. `is_asked` is 1 if
-- the job is at the given attempt, or if no attempt is given.
-- ?1 [[tenant, id, attempt], ...]. Two objects are merged into one, because a function takes at most 32 arguments on
-- D1. The second has the columns that may be NULL.
SELECT json_patch(
  json_object('tenant', j.tenant, 'id', j.id, 'kind', j.kind, 'endpoint', j.endpoint, 'state', j.state,
    'deferred', j.deferred, 'is_asked', i.value ->> 2 IS NULL OR j.attempt = i.value ->> 2, 'attempt', j.attempt, 'failures', j.failures, 'max_attempts', j.max_attempts,
    'backoff', j.backoff, 'dead_letter_on', json(coalesce(e.dead_letter_on, '[]')), 'keep_payload', coalesce(e.keep_payload, 0), 'now', CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  json_object('counted', j.job_group IS NOT NULL OR j.action IS NOT NULL, 'deadline_at', j.deadline_at, 'lease_token', j.lease_token,
    'lease_until', j.lease_until, 'due_at', coalesce(j.scheduled_at, j.created_at),
    'started_at', CASE WHEN j.attempt > 0 THEN json_extract(j.log, '$[' || (j.attempt - 1) || '].started_at') END))
FROM json_each(?1) i
CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
LEFT JOIN endpoints e ON e.tenant = j.tenant AND e.id = j.endpoint
