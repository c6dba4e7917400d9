-- Records that an operator pauses or resumes everything. It runs before set_meta.sql. ?1 as in audit.sql, ?2 1 for a pause.
-- include: audit.sql
  ?1 ->> 'tenant', ?1 -> 'before', ?1 -> 'after'
WHERE coalesce((SELECT value FROM meta WHERE name = 'paused'), 0) <> ?2
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
