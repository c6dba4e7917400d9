-- Lists a tenant's groups by name, without the counts of actions. ?1 tenant, ?2 list after this id, ?3 rows.
SELECT
-- include: group.sql
FROM groups WHERE tenant = ?1 AND id > ?2 AND id NOT GLOB ':*' ORDER BY id LIMIT ?3
