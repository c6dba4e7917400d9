-- Headers of jobs are sealed again, if they are still what was read; a sealed text is nowhere twice. One value of a row at most.
-- ?1 [[tenant, id, old, new], ...].
UPDATE jobs SET payload = replace(jobs.payload, o.old, o.new)
FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS old, value ->> 3 AS new FROM json_each(?1)) AS o
WHERE jobs.tenant = o.tenant AND jobs.id = o.id AND instr(jobs.payload, o.old) > 0
RETURNING json_array(tenant, id)
