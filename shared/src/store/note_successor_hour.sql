-- Notes the hour of jobs that send other ones again, for the watermark. ?1 tenant, ?2 as in insert_successor.sql.
INSERT INTO tenant_hours (hour, tenant)
SELECT DISTINCT jobs.created_at / 3600000, jobs.tenant
FROM json_each(?2) i CROSS JOIN jobs ON jobs.tenant = ?1 AND jobs.id = i.value ->> 'new'
WHERE true
ON CONFLICT DO NOTHING
RETURNING json_object('hour', hour)
