-- Deletes succeeded jobs of one tenant and hour, but never before the window of their idempotency key ends.
-- ?1 {"tenant","hour","from_id","to_id","age_ms","rows"}.
DELETE FROM jobs WHERE (tenant, id) IN (
  SELECT tenant, id FROM jobs
  WHERE tenant = ?1 ->> 'tenant' AND id >= ?1 ->> 'from_id' AND id < ?1 ->> 'to_id' AND +state = 'succeeded'
    AND finished_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - (?1 ->> 'age_ms') AND (key_until IS NULL OR key_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
  LIMIT ?1 ->> 'rows')
RETURNING json_array(tenant, id, payload_bytes IS NOT NULL OR kind = 'embed')
