-- The indexes of a tenant are there no more. ?1 tenant.
DELETE FROM indexes WHERE tenant = ?1 RETURNING ''
