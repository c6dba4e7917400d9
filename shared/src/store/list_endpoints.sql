-- Lists a tenant's endpoints by name. ?1 tenant, ?2 list after this id, ?3 rows.
SELECT
-- include: endpoint.sql
FROM endpoints WHERE tenant = ?1 AND id > ?2 AND state <> 'deleted' ORDER BY id LIMIT ?3
