-- Writes the successors into dead letters, once each. A job that is being erased gets no successor.
-- ?1 tenant, ?2 [{"tenant","id","new"}, ...]: the dead jobs and their successors, ?3 as in step.sql, ?4 the time of the new ids, ?5 the
-- allowed skew in ms.
UPDATE jobs SET dead_state = 'replayed', replayed_by = v.new
FROM (SELECT value ->> 'tenant' AS tenant, value ->> 'id' AS id, value ->> 'new' AS new FROM json_each(?2)) AS v
WHERE jobs.tenant = v.tenant AND jobs.id = v.id AND +jobs.state = 'dead' AND jobs.dead_state = 'open' AND
-- include: step.sql
  AND
-- include: successor.sql
RETURNING json_object('id', jobs.id)
