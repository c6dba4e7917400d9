-- Lists one page of a tenant's jobs, the newest first. The event id of a job is its own id unless the caller gave one.
-- ?1 {"tenant","before","from","state","kind","endpoint","group","event_id","cause"}, ?2 the rows to read, ?3 the rows to
-- return.
SELECT
-- include: job.sql
FROM (SELECT * FROM jobs WHERE tenant = ?1 ->> 'tenant' AND id < ?1 ->> 'before' AND id >= ?1 ->> 'from'
  ORDER BY id DESC LIMIT ?2)
WHERE (?1 ->> 'state' IS NULL OR state = ?1 ->> 'state')
  AND (?1 ->> 'kind' IS NULL OR kind = ?1 ->> 'kind')
  AND (?1 ->> 'endpoint' IS NULL OR endpoint = ?1 ->> 'endpoint')
  AND (?1 ->> 'group' IS NULL OR job_group = ?1 ->> 'group')
  AND (?1 ->> 'event_id' IS NULL OR coalesce(event_id, id) = ?1 ->> 'event_id')
  AND (?1 ->> 'cause' IS NULL OR cause = ?1 ->> 'cause')
ORDER BY id DESC LIMIT ?3
