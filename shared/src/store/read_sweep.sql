-- Where the sweep stands.
SELECT json_object('now', CAST(unixepoch('subsec') * 1000 AS INTEGER),
  'mark', (SELECT value FROM meta WHERE name = 'mark'),
  'walked_at', coalesce((SELECT value FROM meta WHERE name = 'payloads_walked_at'), 0),
  'walk_from', coalesce((SELECT value FROM meta WHERE name = 'payloads_walk_from'), 0),
  'paused', coalesce((SELECT value FROM meta WHERE name = 'paused'), 0),
  'storage_full', coalesce((SELECT value FROM meta WHERE name = 'storage_full'), 0))
