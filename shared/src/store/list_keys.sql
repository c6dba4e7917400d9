-- Lists API keys without their secrets. ?1 the tenant, or * for all, ?2 list after this id, ?3 rows.
SELECT json_object('id', k.id, 'tenant', k.tenant, 'scopes', json(scopes), 'name', name, 'created_at', created_at,
  'expires_at', expires_at, 'revoked_at', revoked_at, 'last_used_at', last_used_at,
  'jobs_per_day', q.jobs_per_day)
FROM api_keys k LEFT JOIN quotas q ON q.key_id = k.id AND q.tenant = k.tenant
WHERE k.id > ?2 AND (?1 = '*' OR k.tenant = ?1) ORDER BY k.id LIMIT ?3
