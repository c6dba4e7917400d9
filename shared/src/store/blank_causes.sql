-- Empties the texts of causes that erase_causes.sql has left because an operator has decided about them. ?1 as there.
UPDATE causes SET text = ''
WHERE tenant = ?1 ->> 'tenant' AND id > '' AND text <> ''
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND e.subject IS NOT NULL AND causes.state <> 'open')
  AND NOT EXISTS (SELECT 1 FROM jobs j INDEXED BY jobs_dead_by_cause
    WHERE j.tenant = causes.tenant AND j.cause = causes.id AND j.dead_state = 'open')
  AND NOT EXISTS (SELECT 1 FROM jobs j INDEXED BY jobs_failing_by_cause
    WHERE j.tenant = causes.tenant AND j.cause = causes.id AND j.state IN ('retrying', 'held'))
RETURNING json_object('id', id)
