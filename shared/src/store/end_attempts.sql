-- Jobs of an erasure that must stay for now get no further attempt; a later round meets them again. ?1 [[tenant, id], ...].
UPDATE jobs SET cancel_requested = 1
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('scheduled', 'queued', 'running', 'retrying', 'held') AND cancel_requested = 0
RETURNING json_array(tenant, id)
