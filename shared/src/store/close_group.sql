-- Closes a group, once; one without jobs is created and has finished.
-- ?1 tenant, ?2 id, ?3 on_finished as in the table, or NULL; nothing is written if its endpoint does not exist.
INSERT INTO groups (tenant, id, created_at, finished_at, closed_at, on_finished)
SELECT ?1, ?2, v.now, v.now, v.now, ?3
FROM (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now) v
WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM endpoints e
  WHERE e.tenant = ?1 AND e.id = ?3 ->> 'endpoint' AND e.state <> 'deleted')
ON CONFLICT (tenant, id) DO UPDATE SET closed_at = excluded.closed_at, on_finished = excluded.on_finished
WHERE groups.closed_at IS NULL
RETURNING json_object('id', id)
