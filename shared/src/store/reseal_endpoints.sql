-- Re-seals headers of endpoints that still have the value which was read. A sealed text occurs only once, so one value
-- of a row at most is replaced.
-- ?1 [[tenant, id, old, new], ...].
UPDATE endpoints SET headers = replace(endpoints.headers, o.old, o.new)
FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS old, value ->> 3 AS new FROM json_each(?1)) AS o
WHERE endpoints.tenant = o.tenant AND endpoints.id = o.id AND instr(endpoints.headers, o.old) > 0
RETURNING json_array(tenant, id)
