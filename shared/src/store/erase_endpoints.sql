-- Deletes a tenant's endpoints, including tombstones, with the request to erase the tenant. So nothing more is sent to
-- them.
-- ?1 as in request_erasure.sql.
DELETE FROM endpoints WHERE tenant = ?1 ->> 'tenant'
  AND EXISTS (SELECT 1 FROM erasures WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id' AND subject IS NULL)
RETURNING json_object('id', id)
