-- Lists a tenant's groups by name. ?1 tenant, ?2 list after this id, ?3 rows.
SELECT
-- include: group.sql
FROM groups WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3
