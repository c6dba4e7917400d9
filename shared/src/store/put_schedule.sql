-- A schedule is made or changed, unless it is not as it was read. ?1 is the schedule with "seen_revision" and "seen_slot",
-- which are null when it was not there.
INSERT INTO schedules (tenant, id, revision, cron, time_zone, overlap, catch_up, paused, last_slot, next_at, endpoint, job,
  created_at, updated_at)
SELECT ?1 ->> 'tenant', ?1 ->> 'id', ?1 ->> 'revision', ?1 ->> 'cron', ?1 ->> 'time_zone', ?1 ->> 'overlap', ?1 ->> 'catch_up',
  ?1 ->> 'paused', ?1 ->> 'last_slot', ?1 ->> 'next_at', ?1 ->> 'endpoint', ?1 -> 'job',
  CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE (?1 ->> 'seen_revision' IS NULL
    OR EXISTS (SELECT 1 FROM schedules WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id'))
  AND (?1 ->> 'endpoint' = '' OR EXISTS (SELECT 1 FROM endpoints
    WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'endpoint' AND state <> 'deleted'))
ON CONFLICT (tenant, id) DO UPDATE SET revision = excluded.revision, cron = excluded.cron, time_zone = excluded.time_zone,
  overlap = excluded.overlap, catch_up = excluded.catch_up, paused = excluded.paused, last_slot = excluded.last_slot,
  next_at = excluded.next_at, endpoint = excluded.endpoint, job = excluded.job, updated_at = excluded.updated_at
  WHERE revision = ?1 ->> 'seen_revision' AND last_slot = ?1 ->> 'seen_slot'
RETURNING json_object('id', id)
