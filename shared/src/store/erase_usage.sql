-- Deletes the usage of an erased tenant, except that of later days if jobs were accepted later. ?1 as in
-- erase_hours.sql.
DELETE FROM usage WHERE tenant = ?1 ->> 'tenant'
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND e.subject IS NULL AND (usage.day <= e.created_at / 86400000
      OR NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.tenant = ?1 ->> 'tenant')))
RETURNING json_object('day', day)
