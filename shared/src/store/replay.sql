-- The dead letter names its successor, once. ?1 tenant, ?2 id of the dead job, ?3 id of the new job,
-- ?4 its time, ?5 the skew allowed in ms. What is being erased has no successor.
UPDATE jobs SET dead_state = 'replayed', replayed_by = ?3
WHERE tenant = ?1 AND id = ?2 AND +state = 'dead' AND dead_state = 'open'
  AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'storage_full' AND value = 1)
  AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.state = 'running' AND e.tenant = ?1
    AND ifnull(e.subject, '') IN ('', coalesce(CASE json_type(jobs.metadata, '$.subject')
      WHEN 'text' THEN jobs.metadata ->> 'subject' WHEN 'null' THEN NULL ELSE jobs.metadata -> 'subject' END, '')))
  AND abs(?4 - CAST(unixepoch('subsec') * 1000 AS INTEGER)) <= ?5
RETURNING json_object('id', id)
