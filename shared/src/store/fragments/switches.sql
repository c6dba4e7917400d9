-- Arguments of json_object(): what the whole store is told by rows of `meta`, 0 where there is none.
  'epoch', coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0),
  'paused', coalesce((SELECT value FROM meta WHERE name = 'paused'), 0),
  'storage_full', coalesce((SELECT value FROM meta WHERE name = 'storage_full'), 0),
  'queue_spent_until', coalesce((SELECT value FROM meta WHERE name = 'queue_spent_until'), 0),
