-- Counts jobs by state, and reads the oldest due one, for the tenants from ?1 ->> 'from' to ?1 ->> 'to'. Each count stops after
-- ?1 ->> 'counted' and one more. States without an index are counted among the first jobs of the last minutes, whose ids follow
-- ?1 ->> 'from_id'. Rows due for the sweep are those of all tenants.
SELECT json_object('now', CAST(unixepoch('subsec') * 1000 AS INTEGER),
-- include: waiting.sql
  ,
  'due', (SELECT count(*) FROM (SELECT 1 FROM jobs j INDEXED BY jobs_to_next_check_at
    WHERE j.next_check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) LIMIT (?1 ->> 'counted') + 1) i),
  'oldest_due', json((SELECT json_object('tenant', j.tenant, 'id', j.id, 'at', j.next_check_at)
    FROM jobs j INDEXED BY jobs_to_next_check_at
    WHERE j.next_check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) ORDER BY j.next_check_at LIMIT 1)),
  'recent', json((SELECT json_group_object(i.state, i.jobs) FROM (SELECT t.state, count(*) AS jobs
    FROM (SELECT j.state
      FROM (SELECT DISTINCT h.tenant FROM tenant_hours h
        WHERE h.hour IN ((?1 ->> 'hour') - 1, ?1 ->> 'hour') AND h.tenant >= ?1 ->> 'from' AND h.tenant <= ?1 ->> 'to'
        LIMIT ?1 ->> 'tenants') t
      CROSS JOIN jobs j ON j.tenant = t.tenant AND j.id >= ?1 ->> 'from_id' LIMIT (?1 ->> 'recent') + 1) t
    GROUP BY t.state) i)),
  'size_before', (SELECT value FROM meta WHERE name = 'size_before'),
  'size_before_at', (SELECT value FROM meta WHERE name = 'size_before_at'))
