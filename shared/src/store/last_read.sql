-- Reads where a page stopped: the oldest id in it and its number of rows. ?1 and ?2 as in list_jobs.sql.
SELECT json_object('id', min(id), 'rows', count(*))
FROM (SELECT id FROM jobs WHERE tenant = ?1 ->> 'tenant' AND id < ?1 ->> 'before' AND id >= ?1 ->> 'from'
  ORDER BY id DESC LIMIT ?2)
