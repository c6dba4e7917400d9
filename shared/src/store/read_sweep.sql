-- Where the sweep stands, and the erasure whose turn it is.
-- json() around the subquery: some versions of SQLite forget there that its text is JSON, and quote it.
SELECT json_object('now', CAST(unixepoch('subsec') * 1000 AS INTEGER),
  'mark', (SELECT value FROM meta WHERE name = 'mark'),
  'walked_at', coalesce((SELECT value FROM meta WHERE name = 'payloads_walked_at'), 0),
  'walk_from', coalesce((SELECT value FROM meta WHERE name = 'payloads_walk_from'), 0),
  'epoch', coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0),
  'paused', coalesce((SELECT value FROM meta WHERE name = 'paused'), 0),
  'storage_full', coalesce((SELECT value FROM meta WHERE name = 'storage_full'), 0),
  'queue_spent_until', coalesce((SELECT value FROM meta WHERE name = 'queue_spent_until'), 0),
  'erasure', json((SELECT json_object('tenant', tenant, 'id', id, 'subject', subject, 'position', position, 'found', found,
      'turn_at', turn_at, 'created_at', created_at)
    FROM erasures INDEXED BY erasures_by_turn WHERE state = 'running' ORDER BY turn_at LIMIT 1)))
