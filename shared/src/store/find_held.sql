-- Finds endpoints with held jobs that may run again. Each step of the recursion finds the next endpoint in the index,
-- so a million held jobs of one endpoint cost one read.
-- ?1 the maximum number of endpoints.
WITH RECURSIVE held(pair) AS (
  SELECT (SELECT json_array(tenant, endpoint) FROM jobs INDEXED BY jobs_held WHERE state = 'held'
    ORDER BY tenant, endpoint LIMIT 1)
  UNION ALL
  SELECT
-- include: next_held.sql
  FROM held i WHERE i.pair IS NOT NULL)
SELECT held.pair FROM held
WHERE held.pair IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'paused' AND value = 1)
  AND NOT EXISTS (SELECT 1 FROM endpoints e
    WHERE e.tenant = held.pair ->> 0 AND e.id = held.pair ->> 1 AND e.state = 'paused')
LIMIT ?1
