-- Re-seals headers of jobs that still have the value which was read. A sealed text occurs only once, so one value of a
-- row at most is replaced.
-- ?1 [[tenant, id, old, new], ...].
UPDATE jobs SET payload = replace(jobs.payload, o.old, o.new)
FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS old, value ->> 3 AS new FROM json_each(?1)) AS o
WHERE jobs.tenant = o.tenant AND jobs.id = o.id AND instr(jobs.payload, o.old) > 0
RETURNING json_array(tenant, id)
