-- Lists a tenant's schedules by name.
-- ?1 tenant, ?2 list after this id, ?3 rows, ?4 1 for whole schedules, 0 to omit their payloads and all occurrences
-- except the last.
SELECT json_object('tenant', tenant, 'id', id, 'revision', revision, 'cron', cron, 'time_zone', time_zone,
  'overlap', overlap, 'catch_up', catch_up, 'paused', paused, 'last_occurrence', last_occurrence, 'next_at', next_at,
  'endpoint', endpoint, 'job', json(CASE ?4 WHEN 1 THEN job ELSE json_remove(job, '$.payload') END),
  'history', json(CASE ?4 WHEN 1 THEN history ELSE coalesce('[' || json_extract(history, '$[0]') || ']', '[]') END),
  'created_at', created_at, 'updated_at', updated_at)
FROM schedules WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3
