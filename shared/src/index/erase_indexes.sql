-- Deletes the rows of a tenant's indexes. ?1 tenant, ?2 created before.
DELETE FROM indexes WHERE tenant = ?1 AND created_at < ?2 RETURNING ''
