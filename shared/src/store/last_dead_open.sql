-- Reads where a page of dead letters stopped: the position of its last row, and its number of rows. ?1 and ?2 as in
-- list_dead_open.sql.
SELECT json_object('died_at', finished_at, 'id', id, 'rows', count(*) OVER ())
FROM (SELECT finished_at, id FROM jobs INDEXED BY jobs_dead_open
  WHERE tenant = ?1 ->> 'tenant' AND dead_state = 'open'
    AND (finished_at, id) < (?1 ->> 'before', ?1 ->> 'id') AND finished_at >= coalesce(?1 ->> 'died_after', 0)
  ORDER BY finished_at DESC, id DESC LIMIT ?2)
ORDER BY finished_at, id LIMIT 1
