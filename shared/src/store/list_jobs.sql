-- Lists one page of a tenant's jobs, the newest first. The event id of a job is its own id unless the caller gave one.
-- ?1 {"tenant","before","from"} and the filters, ?2 the rows to read, ?3 the rows to return.
SELECT
-- include: job.sql
FROM (SELECT * FROM jobs WHERE tenant = ?1 ->> 'tenant' AND id < ?1 ->> 'before' AND id >= ?1 ->> 'from'
  ORDER BY id DESC LIMIT ?2)
WHERE
-- include: filter.sql
ORDER BY id DESC LIMIT ?3
