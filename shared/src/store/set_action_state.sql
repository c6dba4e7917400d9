-- Pauses, resumes or aborts an action. One that is resumed after its canary failed continues without it. ?1 tenant, ?2 id, ?3 the new state,
-- ?4 [state, ...]: the states in which that is allowed.
UPDATE actions SET state = ?3, paused_reason = CASE ?3 WHEN 'paused' THEN 'operator' END, turn_at = CAST(unixepoch('subsec') * 1000 AS INTEGER),
  ended_at = CASE ?3 WHEN 'aborted' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
  canary_state = CASE WHEN ?3 = 'running' AND canary_state = 'failed' THEN 'ignored' ELSE canary_state END
WHERE tenant = ?1 AND id = ?2 AND state IN (SELECT value FROM json_each(?4))
RETURNING json_object('id', id)
