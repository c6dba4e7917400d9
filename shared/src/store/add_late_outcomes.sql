-- Late outcomes: a completion has ended the attempt before its own answer could be settled. The entry gets the answer's
-- status and evidence, once; nothing else changes, whatever has become of the job since.
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
