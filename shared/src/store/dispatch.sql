-- Notes that the sweep sends new hints for due jobs. The next check follows after 60 s, doubled with each dispatch, up
-- to one hour.
-- ?1 [[tenant, id], ...], ?2 {"redispatch_backoff_ms","redispatch_backoff_ms_max"}.
UPDATE jobs SET dispatches = dispatches + 1, state = CASE state WHEN 'scheduled' THEN 'queued' ELSE state END,
  next_check_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + min((?2 ->> 'redispatch_backoff_ms') << min(dispatches, 20), ?2 ->> 'redispatch_backoff_ms_max')
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('scheduled', 'queued', 'retrying') AND next_check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) AND run_after <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
RETURNING json_array(tenant, id, dispatches, kind)
