-- Deletes terminal jobs after their retention, but never before the window of their idempotency key ends. Each returned
-- row says if the job has an object, which is deleted after it.
-- ?1 [[tenant, id], ...].
DELETE FROM jobs
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('succeeded', 'dead', 'cancelled') AND next_check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
  AND (key_until IS NULL OR key_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
RETURNING json_array(tenant, id, payload_bytes IS NOT NULL OR kind = 'embed')
