-- One page of a tenant's jobs, the newest first. ?1 is {"tenant","before","from","state","kind","endpoint","group",
-- "event_id"}, ?2 the rows to read, ?3 the rows to answer. An event id is the job's own id unless it was given.
SELECT
-- include: job.sql
FROM (SELECT * FROM jobs WHERE tenant = ?1 ->> 'tenant' AND id < ?1 ->> 'before' AND id >= ?1 ->> 'from'
  ORDER BY id DESC LIMIT ?2)
WHERE (?1 ->> 'state' IS NULL OR state = ?1 ->> 'state')
  AND (?1 ->> 'kind' IS NULL OR kind = ?1 ->> 'kind')
  AND (?1 ->> 'endpoint' IS NULL OR endpoint = ?1 ->> 'endpoint')
  AND (?1 ->> 'group' IS NULL OR job_group = ?1 ->> 'group')
  AND (?1 ->> 'event_id' IS NULL OR coalesce(event_id, id) = ?1 ->> 'event_id')
ORDER BY id DESC LIMIT ?3
