-- Adds up the totals of the tenants from ?1 to ?2 by kind, and by endpoint if ?3 is 1. A deleted endpoint is `:other`. Reads at most ?4
-- series.
SELECT json_array(t.kind, t.endpoint, json_group_object(t.name, t.number))
FROM (SELECT held.kind, held.endpoint, i.key AS name, sum(i.value) AS number
  FROM (SELECT j.kind, j.counts, CASE WHEN ?3 = 0 THEN NULL
      WHEN EXISTS (SELECT 1 FROM endpoints e WHERE e.tenant = j.tenant AND e.id = j.endpoint AND e.state = 'deleted') THEN ':other'
      ELSE j.endpoint END AS endpoint
    FROM totals j WHERE j.tenant >= ?1 AND j.tenant <= ?2 LIMIT ?4) held
  CROSS JOIN json_each(held.counts) i
  GROUP BY 1, 2, 3) t
GROUP BY t.kind, t.endpoint
