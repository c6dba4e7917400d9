-- Endpoints that answered 410 Gone: Standard Webhooks says to disable them. ?1 [[tenant, endpoint], ...].
UPDATE endpoints SET state = 'paused', paused_reason = 'gone', updated_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1)) AND state = 'active'
RETURNING json_array(tenant, id)
