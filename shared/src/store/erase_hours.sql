-- Deletes the roll-ups of an erased tenant, except the hours by which the watermark finds jobs that were accepted
-- later.
-- ?1 {"tenant","id","hour"}: the hour in which the ids of the erasure end.
DELETE FROM tenant_hours WHERE tenant = ?1 ->> 'tenant'
  AND (hour < ?1 ->> 'hour' OR NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.tenant = ?1 ->> 'tenant'))
  AND EXISTS (SELECT 1 FROM erasures e
    WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done' AND e.subject IS NULL)
RETURNING json_object('hour', hour)
