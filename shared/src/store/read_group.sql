-- Reads the counters of a group. ?1 tenant, ?2 id.
SELECT
-- include: group.sql
FROM groups WHERE tenant = ?1 AND id = ?2
