-- Lists open dead letters, the latest death first. ?1 {"tenant","died_at","id"}: the position after which, ?2 rows.
SELECT json_patch(
-- include: job.sql
  , json_object('log', json(log)))
FROM jobs INDEXED BY jobs_dead_open
WHERE tenant = ?1 ->> 'tenant' AND dead_state = 'open'
  AND (finished_at, id) < (?1 ->> 'died_at', ?1 ->> 'id')
ORDER BY finished_at DESC, id DESC LIMIT ?2
