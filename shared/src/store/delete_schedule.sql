-- Deletes a schedule; its jobs are kept. ?1 tenant, ?2 id.
DELETE FROM schedules WHERE tenant = ?1 AND id = ?2
RETURNING json_object('id', id)
