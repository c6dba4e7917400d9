-- Claims jobs. This is also the write-ahead of the attempt, which is counted and logged before anything is sent.
-- ?1 [[tenant, id], ...], ?2 lease token,
-- ?3 {"tolerance_ms","lease_ms","slack_ms","covers_ms","timeout_seconds","sends_max","epoch"},
-- ?4 1 for quarantined jobs only, 0 for all others.
UPDATE jobs SET state = 'running', attempt = attempt + 1, dispatches = 0, lease_token = ?2,
  lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + max(?3 ->> 'lease_ms', (?3 ->> 'slack_ms') + min(?3 ->> 'covers_ms', 1000 * coalesce(
    -- The payload of a task is not interpreted.
    CASE kind WHEN 'webhook' THEN payload ->> 'timeout_seconds' END,
    (SELECT e.timeout_seconds FROM endpoints e WHERE e.tenant = jobs.tenant AND e.id = jobs.endpoint),
    ?3 ->> 'timeout_seconds'))),
  -- The sweep checks a row below the watermark when its lease ends; the watermark itself meets a row above it.
  next_check_at = CASE WHEN next_check_at IS NOT NULL THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + (?3 ->> 'lease_ms') END,
  log = json_insert(log, '$[#]', json_object('started_at', CAST(unixepoch('subsec') * 1000 AS INTEGER), 'lease', ?2))
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('queued', 'retrying', 'scheduled') AND run_after <= CAST(unixepoch('subsec') * 1000 AS INTEGER) + (?3 ->> 'tolerance_ms')
  AND quarantined = ?4 AND attempt < ?3 ->> 'sends_max' AND cancel_requested = 0
  AND (deadline_at IS NULL OR deadline_at > CAST(unixepoch('subsec') * 1000 AS INTEGER))
  AND ?3 ->> 'epoch' = coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0)
RETURNING json_object('id', id)
