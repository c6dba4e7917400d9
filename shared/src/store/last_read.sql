-- Reads where a page stopped: the oldest job in it and its number of rows. ?1 and ?2 as in list_jobs.sql.
SELECT json_object('id', min(id), 'created_at', created_at, 'rows', count(*))
FROM (SELECT id, created_at FROM jobs WHERE tenant = ?1 ->> 'tenant' AND id < ?1 ->> 'before' AND id >= ?1 ->> 'from'
  ORDER BY id DESC LIMIT ?2)
