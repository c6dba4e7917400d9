-- Reads due schedules, the longest due first. While the store is full or of another epoch, it returns none; they stay
-- due.
-- ?1 the maximum number of rows, ?2 the epoch of the deployment.
SELECT json_object('tenant', tenant, 'id', id, 'revision', revision, 'cron', cron, 'time_zone', time_zone,
  'overlap', overlap, 'catch_up', catch_up, 'last_occurrence', last_occurrence, 'kind', job ->> 'kind',
  'now', CAST(unixepoch('subsec') * 1000 AS INTEGER))
FROM schedules INDEXED BY schedules_due
WHERE next_at IS NOT NULL AND next_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
  AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'storage_full' AND value = 1)
  AND ?2 = coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0)
ORDER BY next_at LIMIT ?1
