-- Removes the references to the evidence of a job's first ?4 attempts, which is overwritten already. The next round
-- continues with the later attempts.
-- ?1 tenant, ?2 id, ?3 the number of attempts that was read.
UPDATE jobs SET log = (SELECT json_group_array(json(CASE WHEN e.key < ?4
    THEN json_set(e.value, '$.evidence', json('{"state":"off"}')) ELSE e.value END)) FROM json_each(jobs.log) e)
WHERE tenant = ?1 AND id = ?2 AND attempt = ?3 AND (+state <> 'running' OR deferred = 1)
RETURNING json_object('id', id)
