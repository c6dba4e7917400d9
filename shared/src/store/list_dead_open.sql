-- Lists open dead letters, the latest death first. ?1 {"tenant","before","id"}, the position after which,
-- and the filters, ?2 the rows to read, ?3 the rows to return.
SELECT json_patch(
-- include: job.sql
  , json_object('log', json(log)))
FROM (SELECT * FROM jobs INDEXED BY jobs_dead_open
  WHERE tenant = ?1 ->> 'tenant' AND dead_state = 'open'
    AND (finished_at, id) < (?1 ->> 'before', ?1 ->> 'id') AND finished_at >= coalesce(?1 ->> 'died_after', 0)
  ORDER BY finished_at DESC, id DESC LIMIT ?2)
WHERE
-- include: filter.sql
ORDER BY finished_at DESC, id DESC LIMIT ?3
