-- Notes which endpoints succeeded: on a change, otherwise once an hour at most. It runs before settle.sql clears the
-- token.
-- ?1 [[tenant, id, attempt], ...] of the succeeded jobs, ?2 their lease token: jobs that lost their lease note nothing.
UPDATE endpoints SET last_success_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), failing_since = NULL
WHERE (tenant, id) IN (
    SELECT j.tenant, j.endpoint FROM json_each(?1) i
    CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
    WHERE j.state = 'running' AND j.attempt = i.value ->> 2 AND j.lease_token = ?2)
  AND (failing_since IS NOT NULL OR last_success_at IS NULL
    OR last_success_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 3600000)
RETURNING json_array(tenant, id)
