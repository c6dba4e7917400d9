-- Deletes schedules with the request for an erasure, so no new occurrence runs. The schedules of a subject are those
-- whose jobs have it in their metadata.
-- ?1 as in request_erasure.sql.
DELETE FROM schedules WHERE tenant = ?1 ->> 'tenant'
  AND (?1 ->> 'subject' IS NULL OR CASE json_type(job ->> 'metadata', '$.subject') WHEN 'text' THEN (job ->> 'metadata') ->> 'subject'
        WHEN 'null' THEN NULL ELSE (job ->> 'metadata') -> 'subject' END = ?1 ->> 'subject')
  AND EXISTS (SELECT 1 FROM erasures WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id')
RETURNING json_object('id', id)
