-- Reads how far an erasure has read: the last id and the number of rows. ?1 and ?2 as in visit_jobs.sql.
SELECT json_object('id', max(id), 'rows', count(*))
FROM (SELECT id FROM jobs WHERE tenant = ?1 ->> 'tenant' AND id > ?1 ->> 'position' AND id < ?1 ->> 'until'
  ORDER BY id LIMIT ?2)
