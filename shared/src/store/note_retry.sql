-- Records that an operator retries a job now. It runs before retry_now.sql. ?1 as in audit.sql.
-- include: audit.sql
  ?1 ->> 'tenant', json_object('state', state),
  json_object('state', CASE state WHEN 'scheduled' THEN 'queued' ELSE state END)
FROM jobs WHERE tenant = ?1 ->> 'tenant' AND jobs.id = ?1 ->> 'target' AND
-- include: may_retry.sql
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
