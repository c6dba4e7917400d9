-- Reads the values of readiness: the times of the last ticks, and the time since which the oldest due job has waited.
-- ?1 the keys of the rotation of the master key, if there is one.
SELECT json_object('now', CAST(unixepoch('subsec') * 1000 AS INTEGER),
  'swept_at', (SELECT value FROM meta WHERE name = 'swept_at'),
  'ticked_at', (SELECT value FROM meta WHERE name = 'ticked_at'),
-- include: switches.sql
  'rotation', json((SELECT json_object('keys', keys, 'found', found, 'left', rows_left, 'done', done_at IS NOT NULL)
    FROM rotations WHERE keys = ?1)),
  'oldest_next_check_at', (SELECT min(next_check_at) FROM jobs INDEXED BY jobs_to_next_check_at WHERE next_check_at IS NOT NULL))
