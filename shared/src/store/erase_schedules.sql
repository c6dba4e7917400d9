-- Schedules leave with the request: nothing new fires. Those of a subject have it in the metadata of their jobs.
-- ?1 as in request_erasure.sql.
DELETE FROM schedules WHERE tenant = ?1 ->> 'tenant'
  AND (?1 ->> 'subject' IS NULL OR CAST((job ->> 'metadata') ->> 'subject' AS TEXT) = ?1 ->> 'subject')
  AND EXISTS (SELECT 1 FROM erasures WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id')
RETURNING json_object('id', id)
