-- Postpones the check of rows that are not due: their lease was renewed, or their time was moved.
-- ?1 [[tenant, id], ...].
UPDATE jobs SET next_check_at = CASE state WHEN 'running' THEN lease_until ELSE run_after END
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1)) AND next_check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
  AND ((+state = 'running' AND lease_until > CAST(unixepoch('subsec') * 1000 AS INTEGER))
    OR (+state IN ('scheduled', 'queued', 'retrying') AND run_after > CAST(unixepoch('subsec') * 1000 AS INTEGER)))
RETURNING json_array(tenant, id)
