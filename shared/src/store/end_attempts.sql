-- Prevents further attempts of jobs that an erasure cannot delete yet; a later round visits them again.
-- ?1 [[tenant, id], ...].
UPDATE jobs SET cancel_requested = 1
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('scheduled', 'queued', 'running', 'retrying', 'held') AND cancel_requested = 0
RETURNING json_array(tenant, id)
