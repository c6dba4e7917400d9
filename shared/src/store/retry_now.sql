-- Makes a waiting job due now. ?1 tenant, ?2 id.
UPDATE jobs SET run_after = CAST(unixepoch('subsec') * 1000 AS INTEGER), next_check_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), dispatches = 0,
  dies_at = dies_at - max(0, run_after - CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  state = CASE state WHEN 'scheduled' THEN 'queued' ELSE state END
WHERE tenant = ?1 AND id = ?2 AND
-- include: may_retry.sql
RETURNING json_object('id', id)
