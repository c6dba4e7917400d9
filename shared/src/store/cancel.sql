-- Cancels waiting jobs at once, and prevents further attempts of running ones. A running job is not counted for an action,
-- because its settlement may be under way without the action.
-- ?1 tenant, ?2 [{"id"}, ...], ?3 as in step.sql, ?4 retention in ms.
UPDATE jobs SET
  state = CASE state WHEN 'running' THEN 'running' ELSE 'cancelled' END,
  finished_at = CASE state WHEN 'running' THEN NULL ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
  next_check_at = CASE state WHEN 'running' THEN next_check_at ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?4 END,
  action = CASE state WHEN 'running' THEN action ELSE coalesce(?3 ->> 'action', action) END,
  cancel_requested = 1
WHERE tenant = ?1 AND id IN (SELECT value ->> 'id' FROM json_each(?2)) AND
-- include: may_cancel.sql
  AND
-- include: step.sql
RETURNING json_object('id', id)
