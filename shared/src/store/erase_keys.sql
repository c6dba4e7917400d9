-- Deletes a tenant's API keys with the request to erase the tenant. So no new jobs are accepted with them.
-- ?1 as in request_erasure.sql.
DELETE FROM api_keys WHERE tenant = ?1 ->> 'tenant'
  AND EXISTS (SELECT 1 FROM erasures WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id' AND subject IS NULL)
RETURNING json_object('id', id)
