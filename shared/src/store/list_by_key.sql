-- Lists the jobs that hold an idempotency key, one per kind and endpoint. ?1 tenant, ?2 key, ?3 rows.
SELECT
-- include: job.sql
FROM jobs INDEXED BY jobs_by_key WHERE tenant = ?1 AND idempotency_key = ?2 LIMIT ?3
