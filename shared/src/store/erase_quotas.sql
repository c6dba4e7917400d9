-- Deletes a tenant's quotas together with its keys. ?1 as in request_erasure.sql.
DELETE FROM quotas WHERE tenant = ?1 ->> 'tenant'
  AND EXISTS (SELECT 1 FROM erasures WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id' AND subject IS NULL)
RETURNING json_object('tenant', tenant)
