-- Deletes the steps of actions that ended long ago. ?1 their retention in ms, ?2 the maximum number of actions.
DELETE FROM action_steps WHERE (tenant, action) IN (
  SELECT tenant, id
-- include: old_actions.sql
)
RETURNING json_object('step', step)
