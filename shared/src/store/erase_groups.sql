-- Deletes the groups of an erased tenant, except those of jobs that were accepted later. ?1 as in erase_hours.sql.
DELETE FROM groups WHERE tenant = ?1 ->> 'tenant'
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND e.subject IS NULL AND (groups.finished_at <= e.created_at
      OR NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.tenant = ?1 ->> 'tenant')))
RETURNING json_object('id', id)
