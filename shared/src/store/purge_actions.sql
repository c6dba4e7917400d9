-- Deletes actions that ended long ago, after their steps and counts. ?1 and ?2 as in purge_action_steps.sql.
DELETE FROM actions WHERE (tenant, id) IN (
  SELECT tenant, id FROM actions INDEXED BY actions_ended
  WHERE ended_at IS NOT NULL AND ended_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY ended_at LIMIT ?2)
RETURNING json_object('id', id)
