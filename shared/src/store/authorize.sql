-- Reads an API key's row, and the state of the store that an accept needs.
-- ?1 the key's id, ?2 the tenant that the request names. The subquery is in json() because some versions of SQLite lose
-- its JSON subtype there and would quote the text.
SELECT json_object(
  'key', json((SELECT json_object('id', k.id, 'hash', k.hash, 'tenant', k.tenant, 'scopes', json(k.scopes),
      'revoked', k.revoked_at IS NOT NULL, 'last_used_at', k.last_used_at,
      'expired', k.expires_at IS NOT NULL AND k.expires_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
    FROM api_keys k WHERE k.id = ?1)),
  'storage_full', (SELECT value FROM meta WHERE name = 'storage_full'),
  'quota_reached', EXISTS (SELECT 1 FROM quotas q
    WHERE (q.key_id = ?1 OR (q.key_id = '' AND q.tenant = coalesce(?2, (SELECT k.tenant FROM api_keys k WHERE k.id = ?1))))
      AND q.day = CAST(unixepoch('subsec') / 86400 AS INTEGER) AND q.jobs >= q.jobs_per_day),
  'epoch', coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0),
  'now', CAST(unixepoch('subsec') * 1000 AS INTEGER))
