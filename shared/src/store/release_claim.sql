-- Releases claimed jobs that were not started: nothing was sent, so the attempt number and the log return to their old
-- values.
-- ?1 [[tenant, id, attempt], ...], ?2 lease token.
UPDATE jobs SET state = CASE attempt WHEN 1 THEN 'queued' ELSE 'retrying' END, attempt = attempt - 1,
  lease_token = NULL, lease_until = NULL,
  next_check_at = CASE WHEN next_check_at IS NOT NULL THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
  log = json_remove(log, '$[' || (attempt - 1) || ']')
WHERE (tenant, id, attempt) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))
  AND +state = 'running' AND lease_token = ?2
RETURNING json_array(tenant, id)
