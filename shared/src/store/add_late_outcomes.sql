-- Adds late outcomes: a completion ended the attempt before its own answer was settled. The entry gets the status and
-- evidence of that answer, once; nothing else changes, in any state of the job.
-- ?1 [{"tenant","id","attempt","entry":{"status","evidence"}}, ...], ?2 the lease token that the attempts ran under.
UPDATE jobs SET log = json_set(log, '$[' || (o.attempt - 1) || ']',
    json_patch(json_extract(log, '$[' || (o.attempt - 1) || ']'), o.entry))
FROM (SELECT value ->> 'tenant' AS tenant, value ->> 'id' AS id, value ->> 'attempt' AS attempt, value -> 'entry' AS entry
  FROM json_each(?1)) AS o
WHERE jobs.tenant = o.tenant AND jobs.id = o.id
  AND json_extract(jobs.log, '$[' || (o.attempt - 1) || '].lease') = ?2
  AND json_extract(jobs.log, '$[' || (o.attempt - 1) || '].ended_by') = 'completion'
  AND json_extract(jobs.log, '$[' || (o.attempt - 1) || '].evidence') IS NULL
RETURNING json_array(tenant, id)
