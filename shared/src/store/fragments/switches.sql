-- Arguments of json_object(): the switches of the whole store from `meta`; 0 if a row is missing.
  'epoch', coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0),
  'paused', coalesce((SELECT value FROM meta WHERE name = 'paused'), 0),
  'storage_full', coalesce((SELECT value FROM meta WHERE name = 'storage_full'), 0),
  'queue_spent_until', coalesce((SELECT value FROM meta WHERE name = 'queue_spent_until'), 0),
