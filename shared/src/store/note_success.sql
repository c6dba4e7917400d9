-- Endpoints that answered, on change and once an hour at most. ?1 [[tenant, endpoint], ...].
UPDATE endpoints SET last_success_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), failing_since = NULL
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 3600000)
RETURNING json_array(tenant, id)
