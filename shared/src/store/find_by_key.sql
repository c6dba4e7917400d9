-- Finds the job that holds an idempotency key within its window. ?1 tenant, ?2 key, ?3 kind, ?4 endpoint.
SELECT json_object('id', id, 'digest', digest) FROM jobs INDEXED BY jobs_by_key
WHERE tenant = ?1 AND idempotency_key = ?2 AND kind = ?3 AND endpoint = ?4
  AND key_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)
