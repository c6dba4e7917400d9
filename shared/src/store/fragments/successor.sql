-- Condition under which a job may be sent again now: the store has room, no erasure covers the job, and the time of the
-- new id is right.
-- ?1 tenant, ?4 the time of the new id, ?5 its allowed skew in ms.
NOT EXISTS (SELECT 1 FROM meta WHERE name = 'storage_full' AND value = 1)
  AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.state = 'running' AND e.tenant = ?1
    AND ifnull(e.subject, '') IN ('', coalesce(CASE json_type(jobs.metadata, '$.subject')
      WHEN 'text' THEN jobs.metadata ->> 'subject' WHEN 'null' THEN NULL ELSE jobs.metadata -> 'subject' END, '')))
  AND abs(?4 - CAST(unixepoch('subsec') * 1000 AS INTEGER)) <= ?5
