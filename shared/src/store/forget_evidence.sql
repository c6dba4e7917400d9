-- The evidence of a job's first ?4 attempts is overwritten already: the next round goes on behind them.
-- ?1 tenant, ?2 id, ?3 the attempts it was seen with.
UPDATE jobs SET log = (SELECT json_group_array(json(CASE WHEN e.key < ?4
    THEN json_set(e.value, '$.evidence', json('{"state":"off"}')) ELSE e.value END)) FROM json_each(jobs.log) e)
WHERE tenant = ?1 AND id = ?2 AND attempt = ?3 AND (+state <> 'running' OR deferred = 1)
RETURNING json_object('id', id)
