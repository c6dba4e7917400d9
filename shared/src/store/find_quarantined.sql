-- The quarantined ones of ?1 [[tenant, id], ...] that may run now: they are claimed last, one at a time.
SELECT json_array(j.tenant, j.id)
FROM json_each(?1) i
CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
WHERE j.quarantined = 1 AND j.state IN ('queued', 'retrying', 'scheduled')
  AND j.run_after <= CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2
