-- Holds due jobs of a paused endpoint or of a paused pipeline; the sweep resumes them later.
-- ?1 [[tenant, id], ...], ?2 the tolerance in ms for early starts.
UPDATE jobs SET state = 'held', next_check_at = NULL, dispatches = 0
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('queued', 'retrying', 'scheduled') AND run_after <= CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2
  AND (EXISTS (SELECT 1 FROM meta WHERE name = 'paused' AND value = 1)
    OR EXISTS (SELECT 1 FROM endpoints e WHERE e.tenant = jobs.tenant AND e.id = jobs.endpoint AND e.state = 'paused'))
RETURNING json_object('id', id)
