-- Begins an erasure, unless one of the same target runs. The rows that are deleted with the request are counted before.
-- ?1 {"tenant","id","subject"}; without a subject it erases the whole tenant.
INSERT INTO erasures (tenant, id, subject, state, turn_at, created_at, counts)
SELECT ?1 ->> 'tenant', ?1 ->> 'id', ?1 ->> 'subject', 'running',
  CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER),
  json_object('jobs', 0, 'attempts', 0,
    'endpoints', (SELECT count(*) FROM endpoints WHERE tenant = ?1 ->> 'tenant' AND ?1 ->> 'subject' IS NULL),
    'schedules', (SELECT count(*) FROM schedules WHERE tenant = ?1 ->> 'tenant'
      AND (?1 ->> 'subject' IS NULL OR CASE json_type(job ->> 'metadata', '$.subject') WHEN 'text' THEN (job ->> 'metadata') ->> 'subject'
        WHEN 'null' THEN NULL ELSE (job ->> 'metadata') -> 'subject' END = ?1 ->> 'subject')),
    'keys', (SELECT count(*) FROM api_keys WHERE tenant = ?1 ->> 'tenant' AND ?1 ->> 'subject' IS NULL))
WHERE NOT EXISTS (SELECT 1 FROM erasures
  WHERE state = 'running' AND tenant = ?1 ->> 'tenant' AND ifnull(subject, '') = ifnull(?1 ->> 'subject', ''))
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
