-- Finds the jobs of ?1 [[tenant, id], ...] whose objects are orphans: no row of that id has an object or may have created one.
SELECT json_array(i.value ->> 0, i.value ->> 1) FROM json_each(?1) i
WHERE NOT EXISTS (SELECT 1 FROM jobs j
  WHERE j.tenant = i.value ->> 0 AND j.id = i.value ->> 1 AND (j.payload_bytes IS NOT NULL OR j.kind = 'embed'))
