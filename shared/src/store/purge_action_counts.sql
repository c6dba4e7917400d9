-- Deletes the counts of actions that ended long ago. ?1 and ?2 as in purge_action_steps.sql.
DELETE FROM groups WHERE (tenant, id) IN (
  SELECT tenant, ':' || id
-- include: old_actions.sql
)
RETURNING json_object('id', id)
