-- Records that an operator cancels a job. It runs before cancel.sql. ?1 as in audit.sql.
-- include: audit.sql
  ?1 ->> 'tenant', json_object('state', state),
  CASE state WHEN 'running' THEN json_object('state', state, 'cancel_requested', json('true'))
    ELSE json_object('state', 'cancelled') END
FROM jobs WHERE tenant = ?1 ->> 'tenant' AND jobs.id = ?1 ->> 'target' AND
-- include: may_cancel.sql
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
