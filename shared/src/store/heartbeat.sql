-- Renews the leases of slow attempts. ?1 [[tenant, id, attempt], ...], ?2 lease token, ?3 the new lease in ms from now.
UPDATE jobs SET lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?3
WHERE (tenant, id, attempt) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))
  AND +state = 'running' AND lease_token = ?2 AND deferred = 0
RETURNING json_array(tenant, id)
