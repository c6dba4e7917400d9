-- Finds those of ?1 [[tenant, id], ...] that have no row which owns an object or may have created one.
SELECT json_array(i.value ->> 0, i.value ->> 1) FROM json_each(?1) i
WHERE NOT EXISTS (SELECT 1 FROM jobs j
  WHERE j.tenant = i.value ->> 0 AND j.id = i.value ->> 1 AND (j.payload_bytes IS NOT NULL OR j.kind = 'embed'))
