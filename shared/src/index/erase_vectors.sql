-- Deletes a tenant's vectors from the embedding cache. ?1 tenant.
DELETE FROM vectors WHERE tenant = ?1 RETURNING ''
