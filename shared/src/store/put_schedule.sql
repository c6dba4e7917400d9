-- Creates or changes a schedule. The last writer wins; concurrent writers are not refused. A schedule with unchanged
-- expression and time zone, which was not paused, continues after its own last occurrence: a due occurrence stays due,
-- and one that has run does not run again. Nothing is written if the endpoint is deleted.
-- ?1 the schedule, with "last_occurrence" and "next_at" of a schedule that begins now.
INSERT INTO schedules (tenant, id, revision, cron, time_zone, overlap, catch_up, paused, last_occurrence, next_at, endpoint, job,
  created_at, updated_at)
SELECT ?1 ->> 'tenant', ?1 ->> 'id', ?1 ->> 'revision', ?1 ->> 'cron', ?1 ->> 'time_zone', ?1 ->> 'overlap', ?1 ->> 'catch_up',
  ?1 ->> 'paused', ?1 ->> 'last_occurrence', ?1 ->> 'next_at', ?1 ->> 'endpoint', ?1 -> 'job',
  CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE ?1 ->> 'endpoint' = '' OR EXISTS (SELECT 1 FROM endpoints
  WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'endpoint' AND state <> 'deleted')
ON CONFLICT (tenant, id) DO UPDATE SET revision = excluded.revision, cron = excluded.cron, time_zone = excluded.time_zone,
  overlap = excluded.overlap, catch_up = excluded.catch_up, paused = excluded.paused,
  last_occurrence = CASE WHEN cron = excluded.cron AND time_zone = excluded.time_zone AND paused = 0 THEN last_occurrence
    ELSE excluded.last_occurrence END,
  next_at = CASE WHEN excluded.paused = 1 THEN NULL
    WHEN cron = excluded.cron AND time_zone = excluded.time_zone AND paused = 0 THEN coalesce(next_at, excluded.next_at)
    ELSE excluded.next_at END,
  endpoint = excluded.endpoint, job = excluded.job, updated_at = excluded.updated_at
RETURNING json_object('id', id)
