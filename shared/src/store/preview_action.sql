-- Counts the jobs that an action would handle among ?2 rows, by endpoint and cause, with the oldest ones as a sample. ?1 and ?2 as
-- in action_jobs.sql, ?3 the rows of each list.
WITH v AS MATERIALIZED (
-- include: action_jobs.sql
)
SELECT json_object('now', CAST(unixepoch('subsec') * 1000 AS INTEGER), 'read', (SELECT count(*) FROM v), 'matched', (SELECT count(*) FROM v WHERE matched),
  'oldest_at', (SELECT min(at) FROM v WHERE matched), 'newest_at', (SELECT max(at) FROM v WHERE matched),
  'by_endpoint', json((SELECT json_group_array(json_array(endpoint, jobs)) FROM (
    SELECT endpoint, count(*) AS jobs FROM v WHERE matched GROUP BY endpoint ORDER BY jobs DESC, endpoint LIMIT ?3) i)),
  'by_cause', json((SELECT json_group_array(json_array(cause, jobs)) FROM (
    SELECT cause, count(*) AS jobs FROM v WHERE matched GROUP BY cause ORDER BY jobs DESC, cause LIMIT ?3) i)),
  'sample', json((SELECT json_group_array(id) FROM (SELECT id FROM v WHERE matched ORDER BY at, id LIMIT ?3) i)))
