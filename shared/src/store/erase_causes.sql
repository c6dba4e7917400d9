-- Deletes the causes of an erased tenant or subject that no job has: a text may repeat what a receiver said about the subject.
-- Those of other jobs stay, and after the erasure of a subject those that an operator has decided about, see blank_causes.sql. A
-- tenant has about a thousand at most. ?1 as in erase_hours.sql.
DELETE FROM causes WHERE tenant = ?1 ->> 'tenant' AND id > ''
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND (e.subject IS NULL OR causes.state = 'open'))
  AND NOT EXISTS (SELECT 1 FROM jobs j INDEXED BY jobs_dead_by_cause
    WHERE j.tenant = causes.tenant AND j.cause = causes.id AND j.dead_state = 'open')
  AND NOT EXISTS (SELECT 1 FROM jobs j INDEXED BY jobs_failing_by_cause
    WHERE j.tenant = causes.tenant AND j.cause = causes.id AND j.state IN ('retrying', 'held'))
RETURNING json_object('id', id)
