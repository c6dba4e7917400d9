-- Keys without their secrets. ?1 the tenant, or * for all, ?2 the id after which, ?3 rows.
SELECT json_object('id', id, 'tenant', tenant, 'scopes', json(scopes), 'name', name, 'created_at', created_at,
  'expires_at', expires_at, 'revoked_at', revoked_at, 'last_used_at', last_used_at)
FROM api_keys WHERE id > ?2 AND (?1 = '*' OR tenant = ?1) ORDER BY id LIMIT ?3
