-- Counts existing jobs in their groups. It runs before and after the statement that inserts jobs, so a new job counts
-- once and a repeat counts nothing.
-- ?1 [[tenant, id], ...], ?2 -1 before and 1 after.
INSERT INTO groups (tenant, id, total, created_at)
SELECT j.tenant, j.job_group, ?2 * count(*), CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
WHERE j.job_group IS NOT NULL
  AND (?2 = 1 OR EXISTS (SELECT 1 FROM groups g WHERE g.tenant = j.tenant AND g.id = j.job_group))
GROUP BY j.tenant, j.job_group
ON CONFLICT (tenant, id) DO UPDATE SET total = max(0, total + excluded.total),
  finished_at = CASE WHEN ?2 = -1 OR succeeded + dead + replayed + cancelled = max(0, total + excluded.total) THEN finished_at END
RETURNING json_object('id', id)
