-- Reads the paused endpoints with held jobs. It steps from one endpoint to the next in the index of held jobs. ?1 and ?2 as in
-- status_causes.sql.
WITH RECURSIVE held(pair) AS (
  SELECT json_array(?1 ->> 'from', '')
  UNION ALL
  SELECT
-- include: next_held.sql
  FROM held i WHERE i.pair IS NOT NULL AND i.pair ->> 0 <= ?1 ->> 'to'
  LIMIT ?2)
SELECT json_object('tenant', e.tenant, 'endpoint', e.id, 'paused_reason', e.paused_reason, 'paused_at', e.updated_at,
  'held', (SELECT count(*) FROM (SELECT 1 FROM jobs j INDEXED BY jobs_held
    WHERE j.state = 'held' AND j.tenant = e.tenant AND j.endpoint = e.id LIMIT (?1 ->> 'counted') + 1) i))
FROM held i CROSS JOIN endpoints e ON e.tenant = i.pair ->> 0 AND e.id = i.pair ->> 1
WHERE i.pair IS NOT NULL AND i.pair ->> 0 <= ?1 ->> 'to' AND e.state = 'paused'
