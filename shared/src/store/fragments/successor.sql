-- Whether a job may be sent again now, as a part of a condition: the store has room, nobody erases the job, and the new id is of
-- now. ?1 tenant, ?4 the time of the new id, ?5 how far it may be off in ms.
NOT EXISTS (SELECT 1 FROM meta WHERE name = 'storage_full' AND value = 1)
  AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.state = 'running' AND e.tenant = ?1
    AND ifnull(e.subject, '') IN ('', coalesce(CASE json_type(jobs.metadata, '$.subject')
      WHEN 'text' THEN jobs.metadata ->> 'subject' WHEN 'null' THEN NULL ELSE jobs.metadata -> 'subject' END, '')))
  AND abs(?4 - CAST(unixepoch('subsec') * 1000 AS INTEGER)) <= ?5
