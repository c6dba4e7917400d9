-- Adds accepted jobs to the totals of their series as the watermark passes, so that the accept itself does not pay for it.
-- ?1 as in pass_watermark.sql.
INSERT INTO totals (tenant, kind, endpoint, minute, counts, check_at)
SELECT j.tenant, j.kind, j.endpoint, CAST(unixepoch('subsec') / 60 AS INTEGER), json_object('accepted', count(*)),
-- include: check_series_at.sql
FROM (SELECT DISTINCT tenant FROM tenant_hours
  WHERE hour BETWEEN (?1 ->> 'watermark') / 3600000 AND (?1 ->> 'next') / 3600000) t
CROSS JOIN jobs j ON j.tenant = t.tenant AND j.id >= ?1 ->> 'from_id' AND j.id < ?1 ->> 'to_id'
WHERE (SELECT value FROM meta WHERE name = 'watermark') = ?1 ->> 'watermark'
GROUP BY 1, 2, 3
-- include: add_counts.sql
