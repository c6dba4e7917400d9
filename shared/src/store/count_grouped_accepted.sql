-- Counts jobs in their groups like count_grouped.sql, for the jobs of an accept.
-- ?1 the list of new jobs, ?2 as in caller.sql, ?3 -1 before the accept and 1 after it.
-- include: caller.sql
INSERT INTO groups (tenant, id, total, created_at)
SELECT j.tenant, j.job_group, ?3 * count(*), CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM caller CROSS JOIN json_each(?1) i CROSS JOIN jobs j ON j.tenant = caller.tenant AND j.id = i.value ->> 'id'
WHERE j.job_group IS NOT NULL
  AND (?3 = 1 OR EXISTS (SELECT 1 FROM groups g WHERE g.tenant = j.tenant AND g.id = j.job_group))
GROUP BY j.tenant, j.job_group
ON CONFLICT (tenant, id) DO UPDATE SET total = max(0, total + excluded.total),
  finished_at = CASE WHEN ?3 = -1 OR succeeded + dead + replayed + cancelled = max(0, total + excluded.total) THEN finished_at END
RETURNING json_object('id', id)
