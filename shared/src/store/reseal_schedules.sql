-- Headers of schedules are sealed again, if they are still what was read; a sealed text is nowhere twice. One value of a row at most.
-- ?1 [[tenant, id, old, new], ...].
UPDATE schedules SET job = replace(schedules.job, o.old, o.new)
FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS old, value ->> 3 AS new FROM json_each(?1)) AS o
WHERE schedules.tenant = o.tenant AND schedules.id = o.id AND instr(schedules.job, o.old) > 0
RETURNING json_array(tenant, id)
