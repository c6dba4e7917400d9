-- Records that an operator revokes an API key. It runs before revoke_key.sql. ?1 as in audit.sql, ?2 the tenant, or * for any.
-- include: audit.sql
  k.tenant, json_object('name', k.name, 'scopes', json(k.scopes)), NULL
FROM api_keys k WHERE k.id = ?1 ->> 'target' AND (?2 = '*' OR k.tenant = ?2) AND k.revoked_at IS NULL
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
