-- Endpoints that began to fail. ?1 [[tenant, endpoint], ...].
UPDATE endpoints SET failing_since = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1)) AND failing_since IS NULL
RETURNING json_array(tenant, id)
