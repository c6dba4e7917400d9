-- Records that an operator creates, changes or deletes a schedule. It runs before put_schedule.sql or delete_schedule.sql. The
-- template of the jobs has a payload, so only its kind is recorded, and that it changed. Sealed values cannot be compared, so
-- a template with secret headers always counts as changed. ?1 as in audit.sql, ?2 the schedule, NULL if it is deleted.
-- include: audit.sql
  ?1 ->> 'tenant', v.state_before,
  CASE WHEN v.state_before IS NULL OR v.state_after IS NULL OR v.job = ?2 -> 'job' THEN v.state_after
    ELSE json_set(v.state_after, '$.job_changed', json('true')) END
FROM (SELECT
  (SELECT json_object('cron', cron, 'time_zone', time_zone, 'overlap', overlap, 'catch_up', catch_up,
      'paused', json(CASE paused WHEN 1 THEN 'true' ELSE 'false' END), 'endpoint', nullif(endpoint, ''), 'kind', job ->> 'kind')
    FROM schedules WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'target') AS state_before,
  CASE WHEN ?2 IS NOT NULL THEN json_object('cron', ?2 ->> 'cron', 'time_zone', ?2 ->> 'time_zone', 'overlap', ?2 ->> 'overlap',
      'catch_up', ?2 ->> 'catch_up', 'paused', json(CASE ?2 ->> 'paused' WHEN 1 THEN 'true' ELSE 'false' END),
      'endpoint', nullif(?2 ->> 'endpoint', ''), 'kind', ?2 ->> '$.job.kind') END AS state_after,
  (SELECT job FROM schedules WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'target') AS job) v
WHERE (v.state_before IS NOT v.state_after OR v.job IS NOT ?2 -> 'job')
  AND (?2 IS NULL OR ?2 ->> 'endpoint' = '' OR EXISTS (SELECT 1 FROM endpoints
    WHERE tenant = ?2 ->> 'tenant' AND id = ?2 ->> 'endpoint' AND state <> 'deleted'))
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
