-- Lists one page of a tenant's actions, the newest first. ?1 tenant, ?2 list before this id, ?3 the state or NULL, ?4 rows.
SELECT
-- include: action.sql
FROM actions WHERE tenant = ?1 AND id < ?2 AND (?3 IS NULL OR state = ?3) ORDER BY id DESC LIMIT ?4
