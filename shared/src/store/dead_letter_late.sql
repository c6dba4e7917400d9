-- Ends waiting jobs that may not run again: their deadline has passed, their number of sends is exhausted, or a cancel
-- was requested.
-- ?1 [[tenant, id], ...], ?2 as in expire.sql.
UPDATE jobs SET
  state = CASE cancel_requested WHEN 1 THEN 'cancelled' ELSE 'dead' END,
  finished_at = CAST(unixepoch('subsec') * 1000 AS INTEGER),
  next_check_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + CASE cancel_requested WHEN 1 THEN ?2 ->> 'retention_succeeded_ms' ELSE ?2 ->> 'retention_dead_ms' END,
  dead_state = CASE cancel_requested WHEN 1 THEN NULL ELSE 'open' END,
  dead_reason = CASE WHEN cancel_requested = 1 THEN NULL WHEN deadline_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'deadline'
    ELSE 'attempts_exhausted' END,
  cause = CASE WHEN cancel_requested = 0 AND deadline_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN ?2 ->> 'late' ELSE cause END
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('scheduled', 'queued', 'retrying')
  AND (deadline_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) OR attempt >= ?2 ->> 'sends_max' OR cancel_requested = 1)
RETURNING json_array(tenant, id)
