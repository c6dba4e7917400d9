-- Deletes snapshots of a tenant that is being erased, so many in each round; finish_erasure.sql waits until there are none.
-- ?1 as in erase_hours.sql, ?2 the maximum number of rows.
DELETE FROM snapshots WHERE (tenant, kind, endpoint, minute) IN (
    SELECT s.tenant, s.kind, s.endpoint, s.minute FROM snapshots s WHERE s.tenant = ?1 ->> 'tenant' AND s.kind > '' LIMIT ?2)
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'running'
    AND e.subject IS NULL)
RETURNING json_array(kind, endpoint, minute)
