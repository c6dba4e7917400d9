-- Ends a step of an action: counts its jobs, and moves the position. A step that creates jobs is not ended while the store is
-- full or the time of the new ids is wrong, so that no dead letter is passed without its successor.
-- ?1 tenant, ?2 the items of the step, ?3 as in step.sql, ?4 {"matched","position","is_last","next_start_at","member","creates","cancels"}: the number of
-- jobs selected, the next position, and the member of an item that names the job, ?5 the time of the new ids, ?6 the allowed skew in ms.
UPDATE actions SET step = step + 1, position = ?4 -> 'position', matched = matched + (?4 ->> 'matched'), done = actions.done + v.done,
  next_start_at = ?4 ->> 'next_start_at', turn_at = CAST(unixepoch('subsec') * 1000 AS INTEGER),
  state = CASE ?4 ->> 'is_last' WHEN 1 THEN 'done' ELSE state END,
  ended_at = CASE ?4 ->> 'is_last' WHEN 1 THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
  canary_until = CASE WHEN canary_state = 'pending' AND actions.done + v.done >= canary THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + canary_ms
    ELSE canary_until END,
  canary_state = CASE WHEN canary_state = 'pending' AND actions.done + v.done >= canary THEN 'testing' ELSE canary_state END
FROM (SELECT count(*) AS done FROM json_each(?2) i CROSS JOIN jobs j ON j.tenant = ?1 AND j.id = i.value ->> (?4 ->> 'member')
  WHERE j.action = ?3 ->> 'action' OR ?4 ->> 'cancels' = 1 AND j.state = 'running' AND j.cancel_requested = 1) AS v
WHERE actions.tenant = ?1 AND actions.id = ?3 ->> 'action' AND actions.state = 'running' AND actions.step = ?3 ->> 'step'
  AND (?4 ->> 'creates' = 0 OR NOT EXISTS (SELECT 1 FROM meta WHERE name = 'storage_full' AND value = 1)
    AND abs(?5 - CAST(unixepoch('subsec') * 1000 AS INTEGER)) <= ?6)
RETURNING
-- include: action.sql
