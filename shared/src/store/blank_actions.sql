-- Empties the filters and notes of actions after the erasure of a subject, because a value may name it, and aborts those that still
-- run. ?1 as in erase_hours.sql.
UPDATE actions SET filter = '{}', note = NULL, paused_reason = NULL,
  state = CASE WHEN state IN ('running', 'paused') THEN 'aborted' ELSE state END,
  ended_at = coalesce(ended_at, CAST(unixepoch('subsec') * 1000 AS INTEGER))
WHERE tenant = ?1 ->> 'tenant' AND id > ''
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND e.subject IS NOT NULL AND actions.created_at <= e.created_at)
  AND (note IS NOT NULL OR EXISTS (SELECT 1 FROM json_each(actions.filter) i WHERE i.key = 'event_id' OR i.key GLOB 'metadata.*'))
RETURNING json_object('id', id)
