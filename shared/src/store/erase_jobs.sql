-- Jobs leave whose evidence is overwritten: another attempt since would have evidence of its own. A deferred one leaves
-- too, its request is over. ?1 as in count_erased.sql.
DELETE FROM jobs
WHERE (tenant, id, attempt) IN (SELECT ?1 ->> 'tenant', value ->> 0, value ->> 1 FROM json_each(?1, '$.jobs'))
  AND (+state <> 'running' OR deferred = 1)
RETURNING json_object('id', id)
