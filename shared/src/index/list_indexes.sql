-- Lists a page of a tenant's indexes by name. ?1 tenant, ?2 after this name, ?3 limit.
SELECT
-- include: index.sql
FROM indexes i WHERE tenant = ?1 AND name > ?2 ORDER BY name LIMIT ?3
