-- Reads what the totals of each series were at the start of each of the given minutes. A row is the fields of `SnapshotRow` in their
-- order. Minutes before which nothing has changed for a step are left out, except the first. A deleted endpoint is `:other`.
-- ?1 and ?2 the first and last tenant, ?3 [minute, ...], ?4 minutes of a step, ?5 the maximum number of series.
WITH t AS MATERIALIZED (SELECT held.tenant, held.kind, held.endpoint,
    CASE WHEN EXISTS (SELECT 1 FROM endpoints e WHERE e.tenant = held.tenant AND e.id = held.endpoint AND e.state = 'deleted')
      THEN ':other' ELSE held.endpoint END AS shown,
    i.key AS number, i.value AS until,
    CASE WHEN held.minute < i.value THEN json_array(held.minute, json(held.counts))
      ELSE (SELECT json_array(s.minute, json(s.counts)) FROM snapshots s
        WHERE s.tenant = held.tenant AND s.kind = held.kind AND s.endpoint = held.endpoint AND s.minute < i.value
        ORDER BY s.minute DESC LIMIT 1) END AS found
  FROM (SELECT tenant, kind, endpoint, minute, counts FROM totals WHERE tenant >= ?1 AND tenant <= ?2 LIMIT ?5) held
  CROSS JOIN json_each(?3) i)
SELECT json_array(t.tenant, t.kind, t.endpoint, t.shown, t.number, json(t.found -> 1))
FROM t
WHERE t.found IS NOT NULL AND (t.number = 0 OR t.found ->> 0 >= t.until - ?4)
ORDER BY t.tenant, t.kind, t.endpoint, t.number
