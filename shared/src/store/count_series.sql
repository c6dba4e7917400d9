-- Counts the series of totals of the tenants from ?1 to ?2, up to ?3.
SELECT json_object('series', (SELECT count(*) FROM (SELECT 1 FROM totals t WHERE t.tenant >= ?1 AND t.tenant <= ?2 LIMIT ?3) i))
