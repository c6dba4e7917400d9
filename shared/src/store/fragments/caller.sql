-- Finds the caller's API key inside the statement that writes. If it returns no row, nothing is written. Each statement of an accept
-- begins with it.
-- ?2 {"key","hash","scope","tenant","epoch","traceparent","hops"}, tenant being the one that a key of all tenants (*)
-- names.
WITH caller AS (
  SELECT CASE k.tenant WHEN '*' THEN ?2 ->> 'tenant' ELSE k.tenant END AS tenant
  FROM api_keys k
  WHERE k.id = ?2 ->> 'key' AND k.hash = ?2 ->> 'hash' AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > CAST(unixepoch('subsec') * 1000 AS INTEGER))
    AND CASE k.tenant WHEN '*' THEN ?2 ->> 'tenant' IS NOT NULL
      ELSE coalesce(?2 ->> 'tenant', k.tenant) = k.tenant END
    AND ?2 ->> 'epoch' = coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0)
    AND EXISTS (SELECT 1 FROM json_each(k.scopes) s WHERE s.value IN (?2 ->> 'scope', 'admin'))
)
