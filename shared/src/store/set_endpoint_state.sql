-- Pauses, resumes or deletes an endpoint. ?1 tenant, ?2 id, ?3 the state, ?4 the reason of a pause or NULL.
UPDATE endpoints SET state = ?3, paused_reason = ?4, updated_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE tenant = ?1 AND id = ?2 AND state <> 'deleted'
RETURNING json_object('id', id)
