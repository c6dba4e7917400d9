-- Records that an operator pauses, resumes or aborts an action. It runs before set_action_state.sql. ?1 as in audit.sql, ?2 the states in
-- which that is allowed.
-- include: audit.sql
  ?1 ->> 'tenant', json_object('state', state), ?1 -> 'after'
FROM actions WHERE tenant = ?1 ->> 'tenant' AND actions.id = ?1 ->> 'target' AND state IN (SELECT value FROM json_each(?2))
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
