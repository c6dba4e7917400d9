-- Records an operator's action. It runs directly behind the statement that makes the change, and writes nothing if that changed
-- no row. ?1 as in audit.sql, ?2 1 for an action that is recorded in any case.
-- include: audit.sql
  ?1 ->> 'tenant', ?1 -> 'before', ?1 -> 'after'
WHERE ?2 OR changes() > 0
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
