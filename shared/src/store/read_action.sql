-- Reads an action. ?1 tenant, ?2 id.
SELECT
-- include: action.sql
FROM actions WHERE tenant = ?1 AND id = ?2
