-- Deletes causes without jobs that were first seen more than ?1 ms ago, and are not ignored. ?2 the maximum number of rows.
DELETE FROM causes WHERE (tenant, id) IN (
    SELECT c.tenant, c.id FROM causes c INDEXED BY causes_to_check
    WHERE c.check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY c.check_at LIMIT ?2)
  AND NOT EXISTS (SELECT 1 FROM jobs j INDEXED BY jobs_dead_by_cause
    WHERE j.tenant = causes.tenant AND j.cause = causes.id AND j.dead_state = 'open')
  AND NOT EXISTS (SELECT 1 FROM jobs j INDEXED BY jobs_failing_by_cause
    WHERE j.tenant = causes.tenant AND j.cause = causes.id AND j.state IN ('retrying', 'held'))
  AND (state <> 'ignored' OR until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
RETURNING json_object('id', id)
