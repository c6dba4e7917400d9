-- Finds the jobs of an action's next step: those that its filter selects among ?2 rows, and the last row, with which the next step
-- continues. ?1 and ?2 as in action_jobs.sql, ?3 the jobs to return.
WITH v AS MATERIALIZED (
-- include: action_jobs.sql
)
SELECT json_array(id, at, kind, payload_bytes, matched, (SELECT count(*) FROM v)) FROM v
WHERE matched OR id = (SELECT id FROM v ORDER BY at DESC, id DESC LIMIT 1) ORDER BY at, id LIMIT ?3
