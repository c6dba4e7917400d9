-- Reads the open causes of waiting jobs and of dead letters, with the time since which their endpoints fail. It steps from one cause to the next
-- in both indexes, in two scalar steps as next_held.sql, so it reads an entry for each cause, not for each job. A cause that an operator has set aside, or that has no
-- row, is null. ?1 {"from","to","counted"}: the first and the last tenant, and the jobs to count; ?2 steps in each index, and one.
WITH RECURSIVE dead(pair) AS (
  SELECT json_array(?1 ->> 'from', '')
  UNION ALL
  SELECT coalesce(
    (SELECT json_array(j.tenant, j.cause) FROM jobs j INDEXED BY jobs_dead_by_cause
      WHERE j.dead_state = 'open' AND j.tenant = i.pair ->> 0 AND j.cause > i.pair ->> 1 ORDER BY j.cause LIMIT 1),
    (SELECT json_array(j.tenant, j.cause) FROM jobs j INDEXED BY jobs_dead_by_cause
      WHERE j.dead_state = 'open' AND j.cause IS NOT NULL AND j.tenant > i.pair ->> 0 ORDER BY j.tenant, j.cause LIMIT 1))
  FROM dead i WHERE i.pair IS NOT NULL AND i.pair ->> 0 <= ?1 ->> 'to'
  LIMIT ?2),
failing(pair) AS (
  SELECT json_array(?1 ->> 'from', '')
  UNION ALL
  SELECT coalesce(
    (SELECT json_array(j.tenant, j.cause) FROM jobs j INDEXED BY jobs_failing_by_cause
      WHERE j.state IN ('retrying', 'held') AND j.tenant = i.pair ->> 0 AND j.cause > i.pair ->> 1 ORDER BY j.cause LIMIT 1),
    (SELECT json_array(j.tenant, j.cause) FROM jobs j INDEXED BY jobs_failing_by_cause
      WHERE j.cause IS NOT NULL AND j.state IN ('retrying', 'held') AND j.tenant > i.pair ->> 0
      ORDER BY j.tenant, j.cause LIMIT 1))
  FROM failing i WHERE i.pair IS NOT NULL AND i.pair ->> 0 <= ?1 ->> 'to'
  LIMIT ?2),
found(pair) AS MATERIALIZED (SELECT i.pair FROM dead i UNION SELECT i.pair FROM failing i)
SELECT CASE
  WHEN v.state = 'open' OR (v.state = 'ignored' AND v.until <= CAST(unixepoch('subsec') * 1000 AS INTEGER)) THEN json_patch(
-- include: cause.sql
    , json_object('failing_since', (SELECT e.failing_since FROM endpoints e WHERE e.tenant = v.tenant AND e.id = v.endpoint)))
  ELSE 'null' END
FROM found i LEFT JOIN causes v ON v.tenant = i.pair ->> 0 AND v.id = i.pair ->> 1
WHERE i.pair IS NOT NULL AND i.pair ->> 1 <> '' AND i.pair ->> 0 <= ?1 ->> 'to'
