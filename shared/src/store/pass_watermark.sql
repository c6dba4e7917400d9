-- Gives every open row that the watermark passes a time for its next check. The guard on the watermark makes a second,
-- concurrent sweep write nothing.
-- ?1 {"watermark","next","from_id","to_id"}: the old and the new watermark, and the ids at the two.
UPDATE jobs SET next_check_at = CASE state WHEN 'running' THEN lease_until ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) END
WHERE (tenant, id) IN (
    SELECT j.tenant, j.id
    FROM (SELECT DISTINCT tenant FROM tenant_hours
      WHERE hour BETWEEN (?1 ->> 'watermark') / 3600000 AND (?1 ->> 'next') / 3600000) t
    CROSS JOIN jobs j ON j.tenant = t.tenant AND j.id >= ?1 ->> 'from_id' AND j.id < ?1 ->> 'to_id'
    WHERE j.next_check_at IS NULL AND j.state IN ('queued', 'running', 'retrying', 'scheduled'))
  AND (SELECT value FROM meta WHERE name = 'watermark') = ?1 ->> 'watermark'
RETURNING ''
