-- Adds the attempts of a flush to the totals of their series. It runs before settle.sql clears the token. A job that settle.sql
-- cancels instead of retrying counts as cancelled.
-- ?1 [[tenant, id, attempt, pattern, start_ms, attempt_ms, success_ms], ...], ?2 the lease token of the jobs: a repeat and a job
-- that lost its lease count nothing; ?3 the patterns, [{name: 0 to count the jobs, or 1 to 3 to add up one of the times}, ...].
-- Many jobs share a pattern, so few names are read.
INSERT INTO totals (tenant, kind, endpoint, minute, counts, check_at)
SELECT t.tenant, t.kind, t.endpoint, CAST(unixepoch('subsec') / 60 AS INTEGER), json_group_object(t.name, t.number),
-- include: check_series_at.sql
FROM (SELECT held.tenant, held.kind, held.endpoint,
    CASE WHEN held.cancel_requested = 1 AND v.key IN ('retried', 'held') THEN 'cancelled' ELSE v.key END AS name,
    sum(CASE v.value WHEN 0 THEN held.jobs WHEN 1 THEN held.start_ms WHEN 2 THEN held.attempt_ms ELSE held.success_ms END) AS number
  FROM (SELECT j.tenant, j.kind, j.endpoint, j.cancel_requested, i.value ->> 3 AS pattern, count(*) AS jobs,
      sum(i.value ->> 4) AS start_ms, sum(i.value ->> 5) AS attempt_ms, sum(i.value ->> 6) AS success_ms
    FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
    WHERE j.state = 'running' AND j.attempt = i.value ->> 2 AND j.lease_token = ?2
    GROUP BY 1, 2, 3, 4, 5) held
  CROSS JOIN json_each(?3, '$[' || held.pattern || ']') v
  GROUP BY 1, 2, 3, 4) t
GROUP BY t.tenant, t.kind, t.endpoint
-- include: add_counts.sql
