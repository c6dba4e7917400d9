-- Inserts a new API key; only its hash is stored.
-- ?1 {"id","hash","tenant","scopes","name","expires_at"}.
INSERT INTO api_keys (id, hash, tenant, scopes, name, created_at, expires_at)
SELECT ?1 ->> 'id', ?1 ->> 'hash', ?1 ->> 'tenant', ?1 -> 'scopes', ?1 ->> 'name', CAST(unixepoch('subsec') * 1000 AS INTEGER), ?1 ->> 'expires_at'
WHERE true
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
