-- Pauses endpoints that nothing can be sent to: they answered 410 Gone, which by Standard Webhooks disables them, or
-- the deployment lacks their binding. It runs before settle.sql clears the token.
-- ?1 [[tenant, id, attempt], ...] of the jobs that met this, ?2 their lease token: jobs that lost their lease pause
-- nothing, ?3 the reason.
UPDATE endpoints SET state = 'paused', paused_reason = ?3, updated_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE (tenant, id) IN (
    SELECT j.tenant, j.endpoint FROM json_each(?1) i
    CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
    WHERE j.state = 'running' AND j.attempt = i.value ->> 2 AND j.lease_token = ?2)
  AND state = 'active'
RETURNING json_array(tenant, id)
