-- Records that an operator reads a signing secret: that of an endpoint, or the default of the tenant. ?1 as in audit.sql, ?2 the
-- endpoint, '' for the default.
-- include: audit.sql
  ?1 ->> 'tenant', NULL, NULL
WHERE ?2 = '' OR EXISTS (SELECT 1 FROM endpoints WHERE tenant = ?1 ->> 'tenant' AND id = ?2 AND state <> 'deleted')
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
