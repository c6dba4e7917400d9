-- What is kept of a tenant's texts leaves. ?1 tenant.
DELETE FROM vectors WHERE tenant = ?1 RETURNING ''
