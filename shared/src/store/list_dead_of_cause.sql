-- Lists open dead letters with a cause, the latest death first. ?1 {"tenant","cause","died_at","id"}: the position after which,
-- ?2 rows.
SELECT json_patch(
-- include: job.sql
  , json_object('log', json(log)))
FROM jobs INDEXED BY jobs_dead_by_cause
WHERE tenant = ?1 ->> 'tenant' AND cause = ?1 ->> 'cause' AND dead_state = 'open'
  AND (finished_at, id) < (?1 ->> 'died_at', ?1 ->> 'id')
ORDER BY finished_at DESC, id DESC LIMIT ?2
