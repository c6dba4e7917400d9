-- Notes the hours of the webhook jobs of finished groups, for the watermark. It runs before note_finished.sql.
-- ?1 as in finished_groups.sql.
-- include: finished_groups.sql
INSERT INTO tenant_hours (hour, tenant)
SELECT DISTINCT v.at / 3600000, v.tenant FROM finished v WHERE v.error IS NULL
ON CONFLICT DO NOTHING
RETURNING json_object('hour', hour)
