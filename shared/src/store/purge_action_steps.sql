-- Deletes the steps of actions that ended long ago. ?1 their retention in ms, ?2 the maximum number of actions.
DELETE FROM action_steps WHERE (tenant, action) IN (
  SELECT tenant, id FROM actions INDEXED BY actions_ended
  WHERE ended_at IS NOT NULL AND ended_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY ended_at LIMIT ?2)
RETURNING json_object('step', step)
