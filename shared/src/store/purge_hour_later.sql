-- Gives jobs that succeeded late, or whose key still holds, an individual time of deletion. ?1 as in purge_hour.sql.
UPDATE jobs SET next_check_at = max(finished_at + (?1 ->> 'age_ms'), coalesce(key_until, 0))
WHERE (tenant, id) IN (
  SELECT tenant, id FROM jobs
  WHERE tenant = ?1 ->> 'tenant' AND id >= ?1 ->> 'from_id' AND id < ?1 ->> 'to_id' AND +state = 'succeeded'
    AND next_check_at IS NULL AND (finished_at > CAST(unixepoch('subsec') * 1000 AS INTEGER) - (?1 ->> 'age_ms')
      OR key_until > CAST(unixepoch('subsec') * 1000 AS INTEGER))
  LIMIT ?1 ->> 'rows')
RETURNING json_object('id', id)
