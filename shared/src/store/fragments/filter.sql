-- Condition of a row of `jobs` for the filters of ?1, a `JobFilter`. A member of the metadata matches as text: a string, or the JSON
-- of a number, true, false or null.
  (?1 ->> 'state' IS NULL OR state = ?1 ->> 'state')
  AND (?1 ->> 'kind' IS NULL OR kind = ?1 ->> 'kind')
  AND (?1 ->> 'endpoint' IS NULL OR endpoint = ?1 ->> 'endpoint')
  AND (?1 ->> 'group' IS NULL OR job_group = ?1 ->> 'group')
  AND (?1 ->> 'event_id' IS NULL OR coalesce(event_id, id) = ?1 ->> 'event_id')
  AND (?1 ->> 'cause' IS NULL OR cause = ?1 ->> 'cause')
  AND (?1 ->> 'action' IS NULL OR action = ?1 ->> 'action')
  AND (?1 ->> 'reason' IS NULL OR dead_reason = ?1 ->> 'reason')
  AND (?1 ->> 'schedule' IS NULL OR schedule = ?1 ->> 'schedule')
  AND (?1 ->> 'created_after' IS NULL OR created_at >= ?1 ->> 'created_after')
  AND (?1 ->> 'created_before' IS NULL OR created_at < ?1 ->> 'created_before')
  AND (?1 ->> 'died_after' IS NULL OR dead_state IS NOT NULL AND finished_at >= ?1 ->> 'died_after')
  AND (?1 ->> 'died_before' IS NULL OR dead_state IS NOT NULL AND finished_at < ?1 ->> 'died_before')
  AND NOT EXISTS (SELECT 1 FROM json_each(?1, '$.metadata') i
    WHERE NOT coalesce(metadata ->> (i.value ->> 0) = i.value ->> 1 OR metadata -> (i.value ->> 0) = i.value ->> 1, 0))
