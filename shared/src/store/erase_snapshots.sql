-- Deletes the snapshots of an erased tenant. ?1 as in erase_hours.sql.
DELETE FROM snapshots WHERE tenant = ?1 ->> 'tenant' AND kind > ''
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND e.subject IS NULL)
RETURNING json_array(kind, endpoint, minute)
