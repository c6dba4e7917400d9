-- Deletes jobs whose evidence is overwritten. The attempt number must be unchanged, because a later attempt would have
-- further evidence. A deferred job is deleted too, because its request is over.
-- ?1 as in count_erased.sql.
DELETE FROM jobs
WHERE (tenant, id, attempt) IN (SELECT ?1 ->> 'tenant', value ->> 0, value ->> 1 FROM json_each(?1, '$.jobs'))
  AND (+state <> 'running' OR deferred = 1)
RETURNING json_object('id', id)
