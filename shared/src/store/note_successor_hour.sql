-- Notes the hour of a job that sends another one again, for the watermark. ?1 tenant, ?2 id of the new job.
INSERT INTO tenant_hours (hour, tenant)
SELECT created_at / 3600000, tenant FROM jobs WHERE tenant = ?1 AND id = ?2
ON CONFLICT DO NOTHING
RETURNING json_object('hour', hour)
