-- Reads the progress of the sweep, the erasure whose turn it is, and the walk of the rotation ?1 of the master key. The
-- subquery is in json() because some versions of SQLite lose its JSON subtype there and would quote the text.
SELECT json_object('now', CAST(unixepoch('subsec') * 1000 AS INTEGER),
  'watermark', (SELECT value FROM meta WHERE name = 'watermark'),
  'walked_at', coalesce((SELECT value FROM meta WHERE name = 'payloads_walked_at'), 0),
  'walk_from', coalesce((SELECT value FROM meta WHERE name = 'payloads_walk_from'), 0),
-- include: switches.sql
  'producer_key', (SELECT value FROM meta WHERE name = 'producer_key'),
  'rotation', json((SELECT json_object('since', since, 'began_at', began_at, 'place', place, 'at', json(at), 'found', found,
      'left', rows_left, 'done_at', done_at) FROM rotations WHERE keys = ?1)),
  'erasure', json((SELECT json_object('tenant', tenant, 'id', id, 'subject', subject, 'position', position, 'found', found,
      'turn_at', turn_at, 'created_at', created_at)
    FROM erasures INDEXED BY erasures_by_turn WHERE state = 'running' ORDER BY turn_at LIMIT 1)))
