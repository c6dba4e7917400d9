-- Notes which tenants have jobs in which hour of their ids. The watermark and the retention visit only those.
-- ?1 the lookups of new jobs.
-- include: caller.sql
, lookups AS MATERIALIZED (SELECT jsonb(value) AS value FROM json_each(?1))
INSERT INTO tenant_hours (hour, tenant)
SELECT DISTINCT (i.value ->> 'created_at') / 3600000, caller.tenant
FROM caller CROSS JOIN lookups i
WHERE EXISTS (SELECT 1 FROM jobs WHERE jobs.tenant = caller.tenant AND jobs.id = i.value ->> 'id')
ON CONFLICT DO NOTHING
RETURNING json_object('hour', hour)
