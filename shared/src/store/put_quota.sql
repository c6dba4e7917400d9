-- Sets, changes or removes a quota; the count of today is kept. ?1 the key or '', ?2 the tenant, ?3 jobs per day or
-- NULL.
INSERT INTO quotas (key_id, tenant, jobs_per_day) VALUES (?1, ?2, ?3)
ON CONFLICT (key_id, tenant) DO UPDATE SET jobs_per_day = excluded.jobs_per_day
  WHERE jobs_per_day IS NOT excluded.jobs_per_day
RETURNING json_object('tenant', tenant)
