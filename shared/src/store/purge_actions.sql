-- Deletes actions that ended long ago, after their steps and counts. ?1 and ?2 as in purge_action_steps.sql.
DELETE FROM actions WHERE (tenant, id) IN (
  SELECT tenant, id
-- include: old_actions.sql
)
RETURNING json_object('id', id)
