-- Reads one whole schedule, and the values that are checked before it is changed.
-- ?1 tenant, ?2 id, ?3 an endpoint, ?4 an idempotency key or NULL. The subquery is in json() because some versions of
-- SQLite lose its JSON subtype there and would quote the text.
SELECT json_object('now', CAST(unixepoch('subsec') * 1000 AS INTEGER),
  'endpoint_known', ?3 = '' OR EXISTS (SELECT 1 FROM endpoints WHERE tenant = ?1 AND id = ?3 AND state <> 'deleted'),
  'storage_full', coalesce((SELECT value FROM meta WHERE name = 'storage_full'), 0),
  'job_of_key', (SELECT k.id FROM jobs k INDEXED BY jobs_by_key WHERE k.tenant = ?1 AND k.idempotency_key = ?4 LIMIT 1),
  'schedule', json((SELECT json_object('tenant', tenant, 'id', id, 'revision', revision, 'cron', cron, 'time_zone', time_zone,
      'overlap', overlap, 'catch_up', catch_up, 'paused', paused, 'last_occurrence', last_occurrence, 'next_at', next_at,
      'endpoint', endpoint, 'job', json(job), 'history', json(history), 'created_at', created_at, 'updated_at', updated_at)
    FROM schedules WHERE tenant = ?1 AND id = ?2)))
