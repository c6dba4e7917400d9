-- Adds to the roll-up "accepted" as the watermark passes, so that the accept itself does not pay for it.
-- ?1 as in pass_watermark.sql.
INSERT INTO tenant_hours (hour, tenant, accepted)
SELECT j.created_at / 3600000, j.tenant, count(*)
FROM (SELECT DISTINCT tenant FROM tenant_hours
  WHERE hour BETWEEN (?1 ->> 'watermark') / 3600000 AND (?1 ->> 'next') / 3600000) t
CROSS JOIN jobs j ON j.tenant = t.tenant AND j.id >= ?1 ->> 'from_id' AND j.id < ?1 ->> 'to_id'
WHERE (SELECT value FROM meta WHERE name = 'watermark') = ?1 ->> 'watermark'
GROUP BY 1, 2
ON CONFLICT (hour, tenant) DO UPDATE SET accepted = accepted + excluded.accepted
RETURNING json_object('tenant', tenant)
