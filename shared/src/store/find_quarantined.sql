-- Finds the quarantined ones of ?1 [[tenant, id], ...] that may run now. They are claimed last, one at a time. ?2 the
-- tolerance in ms for early starts.
SELECT json_array(j.tenant, j.id)
FROM json_each(?1) i
CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
WHERE j.quarantined = 1 AND j.state IN ('queued', 'retrying', 'scheduled')
  AND j.run_after <= CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2
