-- Keeps the jobs that a step of an action has made or changed. ?1 tenant, ?2 the items of the step, ?3 as in step.sql, ?4 the member of
-- an item that names the job.
INSERT INTO action_steps (tenant, action, step, jobs)
SELECT ?1, ?3 ->> 'action', ?3 ->> 'step', v.jobs
FROM (SELECT json_group_array(j.id) AS jobs, count(*) AS number
  FROM json_each(?2) i CROSS JOIN jobs j ON j.tenant = ?1 AND j.id = i.value ->> ?4 WHERE j.action = ?3 ->> 'action') AS v
WHERE v.number > 0 AND
-- include: step.sql
ON CONFLICT DO NOTHING
RETURNING json_object('step', step)
