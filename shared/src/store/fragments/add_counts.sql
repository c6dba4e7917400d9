-- Adds counts to the totals of their series, after an INSERT into totals.
ON CONFLICT (tenant, kind, endpoint) DO UPDATE SET minute = max(minute, excluded.minute), counts = (
  SELECT json_group_object(t.name, t.number) FROM (SELECT i.key AS name, sum(i.value) AS number
    FROM (SELECT key, value FROM json_each(totals.counts) UNION ALL SELECT key, value FROM json_each(excluded.counts)) i
    GROUP BY i.key) t)
RETURNING json_array(tenant, kind, endpoint)
