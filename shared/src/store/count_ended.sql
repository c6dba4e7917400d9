-- Counts ended jobs in their groups and actions, by how they ended. It runs before and after the statement that ends jobs, so
-- a job that ends in between counts once and a repeat counts nothing.
-- A group that is closed and finishes gets its webhook job by the trigger groups_on_finished; the answer has what its id is made
-- of: RETURNING shows the row before the trigger.
-- ?1 [[tenant, id], ...], ?2 -1 before and 1 after.
INSERT INTO groups (tenant, id, succeeded, dead, replayed, cancelled, created_at)
SELECT j.tenant, l.value, ?2 * sum(j.state = 'succeeded'), ?2 * sum(j.state = 'dead' AND j.dead_state <> 'replayed'),
  ?2 * sum(j.state = 'dead' AND j.dead_state = 'replayed'), ?2 * sum(j.state = 'cancelled'),
  CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
CROSS JOIN json_each(json_array(j.job_group, ':' || j.action)) l
WHERE l.value IS NOT NULL AND j.finished_at IS NOT NULL
  AND (?2 = 1 OR EXISTS (SELECT 1 FROM groups g WHERE g.tenant = j.tenant AND g.id = l.value))
GROUP BY j.tenant, l.value
ON CONFLICT (tenant, id) DO UPDATE SET succeeded = max(0, succeeded + excluded.succeeded), dead = max(0, dead + excluded.dead),
  replayed = max(0, replayed + excluded.replayed), cancelled = max(0, cancelled + excluded.cancelled),
  finished_at = CASE WHEN ?2 = -1 THEN finished_at
    WHEN succeeded + excluded.succeeded + dead + excluded.dead + replayed + excluded.replayed
      + cancelled + excluded.cancelled >= total THEN coalesce(finished_at, CAST(unixepoch('subsec') * 1000 AS INTEGER)) END
RETURNING json_array(tenant, CASE WHEN on_finished_job IS NULL AND finished_at IS NOT NULL THEN on_finished ->> 'id' END,
  max(closed_at, finished_at))
