-- Deletes the audit log of an erased tenant, up to the erasure. The row of the erasure stays with its receipt. ?1 as in
-- erase_hours.sql.
DELETE FROM audit WHERE tenant = ?1 ->> 'tenant'
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND e.subject IS NULL AND audit.at < e.created_at)
RETURNING json_object('id', id)
