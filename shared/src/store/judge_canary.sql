-- Decides whether an action continues after its canary: it does if all jobs of the canary succeeded, and is paused if one failed or
-- the time is over. A job failed if it died, or an attempt that began after the action did failed. ?1 tenant, ?2 id.
UPDATE actions SET turn_at = CAST(unixepoch('subsec') * 1000 AS INTEGER),
  canary_state = CASE WHEN v.failed > 0 THEN 'failed' WHEN v.succeeded >= canary THEN 'passed'
    WHEN canary_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'failed' ELSE canary_state END,
  paused_reason = CASE WHEN v.failed > 0 THEN 'canary_failed' WHEN v.succeeded >= canary THEN NULL
    WHEN canary_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'canary_late' END,
  state = CASE WHEN v.failed > 0 OR v.succeeded < canary AND canary_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'paused' ELSE state END
FROM (SELECT count(*) FILTER (WHERE j.state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE j.state = 'dead' OR j.state IN ('retrying', 'held') AND json_extract(j.log, '$[#-1].started_at') >= a.created_at) AS failed
  FROM actions a CROSS JOIN action_steps s ON s.tenant = a.tenant AND s.action = a.id
  CROSS JOIN json_each(s.jobs) i CROSS JOIN jobs j ON j.tenant = s.tenant AND j.id = i.value
  WHERE a.tenant = ?1 AND a.id = ?2) AS v
WHERE actions.tenant = ?1 AND actions.id = ?2 AND actions.state = 'running' AND actions.canary_state = 'testing'
RETURNING
-- include: action.sql
