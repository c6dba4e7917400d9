-- The indexes of a tenant are there no more. ?1 tenant, ?2 made before.
DELETE FROM indexes WHERE tenant = ?1 AND created_at < ?2 RETURNING ''
