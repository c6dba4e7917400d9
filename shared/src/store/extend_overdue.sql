-- Extends deferred attempts that fell due while nothing could be written, so that no completion could be recorded.
-- ?1 [[tenant, id], ...], ?2 {"seen_ms","grace_ms"}.
UPDATE jobs SET lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + (?2 ->> 'grace_ms'),
  next_check_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + (?2 ->> 'grace_ms')
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state = 'running' AND deferred = 1 AND (lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - (?2 ->> 'seen_ms')
    OR (lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
      AND lease_until / 86400000 < CAST(unixepoch('subsec') * 1000 AS INTEGER) / 86400000))
RETURNING json_array(tenant, id)
