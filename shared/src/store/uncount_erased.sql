-- Subtracts jobs that are about to be erased from their groups and actions, which may be finished without them. ?1 as in
-- count_erased.sql.
UPDATE groups SET total = max(0, groups.total - v.jobs), succeeded = max(0, succeeded - v.successes),
  dead = max(0, dead - v.deaths), replayed = max(0, replayed - v.replays), cancelled = max(0, cancelled - v.cancels),
  finished_at = CASE WHEN succeeded + dead + replayed + cancelled - v.ended >= groups.total - v.jobs
    THEN coalesce(finished_at, CAST(unixepoch('subsec') * 1000 AS INTEGER)) END
FROM (SELECT j.tenant AS tenant, l.value AS label, count(*) AS jobs, count(j.finished_at) AS ended, sum(j.state = 'succeeded') AS successes,
    sum(j.state = 'dead' AND j.dead_state <> 'replayed') AS deaths,
    sum(j.state = 'dead' AND j.dead_state = 'replayed') AS replays, sum(j.state = 'cancelled') AS cancels
  FROM json_each(?1, '$.jobs') i CROSS JOIN jobs j ON j.tenant = ?1 ->> 'tenant' AND j.id = i.value ->> 0
  CROSS JOIN json_each(json_array(j.job_group, ':' || j.action)) l
  WHERE j.attempt = i.value ->> 1 AND (j.state <> 'running' OR j.deferred = 1) AND l.value IS NOT NULL
  GROUP BY j.tenant, l.value) AS v
WHERE groups.tenant = v.tenant AND groups.id = v.label
RETURNING json_object('id', groups.id)
