-- Terminal jobs whose time is over leave, but never before their idempotency key. ?1 [[tenant, id], ...].
-- Each row tells whether the job has an object of its own, which leaves after it.
DELETE FROM jobs
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('succeeded', 'dead', 'cancelled') AND next_check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
  AND (key_until IS NULL OR key_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
RETURNING json_array(tenant, id, payload_bytes IS NOT NULL OR kind = 'embed')
