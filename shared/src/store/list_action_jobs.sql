-- Lists the jobs that an action has made or changed, in the order of its steps. ?1 {"tenant","action","step","place"}: the position after
-- which, ?2 rows.
SELECT json_array(
-- include: job.sql
  , step, place)
FROM (SELECT j.*, s.step, i.key AS place FROM action_steps s CROSS JOIN json_each(s.jobs) i
  CROSS JOIN jobs j ON j.tenant = s.tenant AND j.id = i.value
  WHERE s.tenant = ?1 ->> 'tenant' AND s.action = ?1 ->> 'action' AND s.step >= ?1 ->> 'step' AND (s.step, i.key) > (?1 ->> 'step', ?1 ->> 'place')
  ORDER BY s.step, i.key LIMIT ?2)
