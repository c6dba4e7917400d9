-- Finds endpoints with held jobs that may run again. Each step of the recursion finds the next endpoint in the index,
-- so a million held jobs of one endpoint cost one read.
-- ?1 the maximum number of endpoints.
WITH RECURSIVE held(at) AS (
  SELECT (SELECT json_array(tenant, endpoint) FROM jobs INDEXED BY jobs_held WHERE state = 'held'
    ORDER BY tenant, endpoint LIMIT 1)
  UNION ALL
  SELECT (SELECT json_array(j.tenant, j.endpoint) FROM jobs j INDEXED BY jobs_held
    WHERE j.state = 'held' AND (j.tenant, j.endpoint) > (held.at ->> 0, held.at ->> 1)
    ORDER BY j.tenant, j.endpoint LIMIT 1)
  FROM held WHERE held.at IS NOT NULL)
SELECT held.at FROM held
WHERE held.at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'paused' AND value = 1)
  AND NOT EXISTS (SELECT 1 FROM endpoints e
    WHERE e.tenant = held.at ->> 0 AND e.id = held.at ->> 1 AND e.state = 'paused')
LIMIT ?1
