-- Deletes the actions of an erased tenant, after their steps, except later ones. ?1 as in erase_hours.sql.
DELETE FROM actions WHERE tenant = ?1 ->> 'tenant' AND id > ''
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND e.subject IS NULL AND actions.created_at <= e.created_at)
RETURNING json_object('id', id)
