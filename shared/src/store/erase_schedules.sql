-- Schedules leave with the request: nothing new fires. Those of a subject have it in the metadata of their jobs.
-- ?1 as in request_erasure.sql.
DELETE FROM schedules WHERE tenant = ?1 ->> 'tenant'
  AND (?1 ->> 'subject' IS NULL OR CASE json_type(job ->> 'metadata', '$.subject') WHEN 'text' THEN (job ->> 'metadata') ->> 'subject'
        WHEN 'null' THEN NULL ELSE (job ->> 'metadata') -> 'subject' END = ?1 ->> 'subject')
  AND EXISTS (SELECT 1 FROM erasures WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id')
RETURNING json_object('id', id)
