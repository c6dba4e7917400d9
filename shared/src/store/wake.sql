-- Makes jobs due for the sweep, if they are named by messages that the queue stopped delivering. ?1 [[tenant, id], ...].
UPDATE jobs SET next_check_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('queued', 'retrying', 'scheduled') AND run_after <= CAST(unixepoch('subsec') * 1000 AS INTEGER) AND (next_check_at IS NULL OR next_check_at > CAST(unixepoch('subsec') * 1000 AS INTEGER))
RETURNING json_array(tenant, id)
