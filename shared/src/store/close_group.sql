-- Closes a group, once. If all its jobs have ended, the trigger groups_on_finished makes its webhook job.
-- ?1 tenant, ?2 id, ?3 on_finished as in the table, or NULL; nothing is written if its endpoint does not exist.
UPDATE groups SET closed_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), on_finished = ?3
WHERE tenant = ?1 AND id = ?2 AND closed_at IS NULL
  AND (?3 IS NULL OR EXISTS (SELECT 1 FROM endpoints e
    WHERE e.tenant = ?1 AND e.id = ?3 ->> 'endpoint' AND e.state <> 'deleted'))
RETURNING json_object('id', id)
