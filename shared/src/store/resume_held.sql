-- Resumes held jobs of the endpoints in ?1 [[tenant, endpoint], ...], at most ?2. The look that follows sends their
-- hints.
UPDATE jobs SET state = CASE attempt WHEN 0 THEN 'queued' ELSE 'retrying' END, next_check_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), dispatches = 0
WHERE (tenant, id) IN (
    SELECT j.tenant, j.id FROM json_each(?1) i
    CROSS JOIN jobs j INDEXED BY jobs_held ON j.state = 'held' AND j.tenant = i.value ->> 0 AND j.endpoint = i.value ->> 1
    LIMIT ?2)
  AND +state = 'held'
RETURNING json_array(tenant, id)
