-- Headers of endpoints are sealed again, if they are still what was read; a sealed text is nowhere twice. One value of a row at most.
-- ?1 [[tenant, id, old, new], ...].
UPDATE endpoints SET headers = replace(endpoints.headers, o.old, o.new)
FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS old, value ->> 3 AS new FROM json_each(?1)) AS o
WHERE endpoints.tenant = o.tenant AND endpoints.id = o.id AND instr(endpoints.headers, o.old) > 0
RETURNING json_array(tenant, id)
