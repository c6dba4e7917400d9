-- Re-seals headers of schedules that still have the value which was read. A sealed text occurs only once, so one value
-- of a row at most is replaced.
-- ?1 [[tenant, id, old, new], ...].
UPDATE schedules SET job = replace(schedules.job, o.old, o.new)
FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS old, value ->> 3 AS new FROM json_each(?1)) AS o
WHERE schedules.tenant = o.tenant AND schedules.id = o.id AND instr(schedules.job, o.old) > 0
RETURNING json_array(tenant, id)
