-- Notes the hours of the inserted jobs, for the watermark. ?1 as in fire.sql.
INSERT INTO tenant_hours (hour, tenant)
SELECT DISTINCT j.created_at / 3600000, j.tenant
FROM json_each(?1) i CROSS JOIN json_each(i.value, '$.entries') c
CROSS JOIN jobs j ON j.tenant = i.value ->> 'tenant' AND j.id = c.value ->> 'job_id'
WHERE true
ON CONFLICT DO NOTHING
RETURNING json_object('hour', hour)
