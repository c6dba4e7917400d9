-- Counts in the erasure's receipt what the same batch deletes.
-- ?1 {"tenant","id","jobs":[[id, attempt], ...]}.
UPDATE erasures SET counts = json_set(counts, '$.jobs', (counts ->> 'jobs') + v.jobs,
  '$.attempts', (counts ->> 'attempts') + v.attempts)
FROM (SELECT count(*) AS jobs, sum(j.attempt) AS attempts FROM json_each(?1, '$.jobs') i
  CROSS JOIN jobs j ON j.tenant = ?1 ->> 'tenant' AND j.id = i.value ->> 0
  WHERE j.attempt = i.value ->> 1 AND (j.state <> 'running' OR j.deferred = 1)) AS v
WHERE erasures.tenant = ?1 ->> 'tenant' AND erasures.id = ?1 ->> 'id' AND v.jobs > 0
RETURNING json_object('id', id)
