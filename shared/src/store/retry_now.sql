-- Makes waiting jobs due now, or at the given times if they are due later. ?1 tenant, ?2 [{"tenant","id","run_after"}, ...], ?3 as in
-- step.sql.
UPDATE jobs SET run_after = v.at, next_check_at = v.at, dispatches = 0, dies_at = dies_at - max(0, run_after - v.at),
  state = CASE WHEN jobs.state = 'scheduled' AND v.at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'queued' ELSE jobs.state END,
  action = coalesce(?3 ->> 'action', action)
FROM (SELECT j.tenant AS of_tenant, j.id AS job,
    max(CAST(unixepoch('subsec') * 1000 AS INTEGER), min(j.run_after, coalesce(i.value ->> 'run_after', 0))) AS at
  FROM json_each(?2) i CROSS JOIN jobs j ON j.tenant = i.value ->> 'tenant' AND j.id = i.value ->> 'id') AS v
WHERE jobs.tenant = v.of_tenant AND jobs.id = v.job AND
-- include: may_retry.sql
  AND
-- include: step.sql
RETURNING json_object('id', jobs.id)
