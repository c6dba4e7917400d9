-- Reads a tenant's quota. ?1 the tenant.
SELECT json_object('jobs_per_day', jobs_per_day,
  'jobs_today', CASE day WHEN CAST(unixepoch('subsec') / 86400 AS INTEGER) THEN jobs ELSE 0 END)
FROM quotas WHERE key_id = '' AND tenant = ?1
