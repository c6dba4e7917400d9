-- Cancels a waiting job at once, and prevents further attempts of a running one.
-- ?1 tenant, ?2 id, ?3 retention in ms.
UPDATE jobs SET
  state = CASE state WHEN 'running' THEN 'running' ELSE 'cancelled' END,
  finished_at = CASE state WHEN 'running' THEN NULL ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
  next_check_at = CASE state WHEN 'running' THEN next_check_at ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?3 END,
  cancel_requested = 1
WHERE tenant = ?1 AND id = ?2 AND
-- include: may_cancel.sql
RETURNING json_object('id', id)
