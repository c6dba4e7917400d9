-- Records that an operator changes the quota of a tenant. It runs before put_quota.sql. ?1 as in audit.sql.
-- include: audit.sql
  ?1 ->> 'tenant', json_object('jobs_per_day', v.jobs_per_day), ?1 -> 'after'
FROM (SELECT (SELECT jobs_per_day FROM quotas WHERE key_id = '' AND tenant = ?1 ->> 'tenant') AS jobs_per_day) v
WHERE v.jobs_per_day IS NOT ?1 ->> '$.after.jobs_per_day'
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
