-- Counts existing jobs in their groups and actions. It runs before and after the statement that inserts jobs, so a new job
-- counts once and a repeat counts nothing.
-- ?1 [[tenant, id], ...], ?2 -1 before and 1 after.
INSERT INTO groups (tenant, id, total, created_at)
SELECT j.tenant, l.value, ?2 * count(*), CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
CROSS JOIN json_each(json_array(j.job_group, ':' || j.action)) l
WHERE (j.job_group IS NOT NULL OR j.action IS NOT NULL) AND l.value IS NOT NULL
  AND (?2 = 1 OR EXISTS (SELECT 1 FROM groups g WHERE g.tenant = j.tenant AND g.id = l.value))
GROUP BY j.tenant, l.value
ON CONFLICT (tenant, id) DO UPDATE SET total = max(0, total + excluded.total),
  finished_at = CASE WHEN ?2 = -1 OR succeeded + dead + replayed + cancelled = max(0, total + excluded.total) THEN finished_at END
RETURNING json_object('id', id)
