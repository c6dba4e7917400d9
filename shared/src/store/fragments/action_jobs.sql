-- Jobs that an action may handle, the oldest first: from the list ?1 ->> 'list', after a position. Other lists read nothing. A
-- dead letter is in the order of deaths; all other jobs are in the order of ids.
-- ?1 {"list","tenant","at","id","until","before","cause_from","cause_to"} and the filters: the position, the time of the action, the
-- first id after it, and the range of causes. ?2 the rows to read.
SELECT id, at, kind, endpoint, cause, payload_bytes, (?1 ->> 'list' <> 'open' OR finished_at IS NULL AND cancel_requested = 0) AND
-- include: filter.sql
  AS matched
FROM (
  SELECT * FROM (SELECT id, finished_at AS at,
-- include: action_columns.sql
    FROM jobs INDEXED BY jobs_dead_open
    WHERE ?1 ->> 'list' = 'dead' AND tenant = ?1 ->> 'tenant' AND dead_state = 'open' AND (finished_at, id) > (?1 ->> 'at', ?1 ->> 'id')
      AND finished_at <= ?1 ->> 'until' ORDER BY finished_at, id LIMIT ?2) i
  UNION ALL
  SELECT * FROM (SELECT id, finished_at AS at,
-- include: action_columns.sql
    FROM jobs INDEXED BY jobs_dead_by_cause
    WHERE ?1 ->> 'list' = 'dead_of_cause' AND tenant = ?1 ->> 'tenant' AND cause = ?1 ->> 'cause' AND dead_state = 'open'
      AND (finished_at, id) > (?1 ->> 'at', ?1 ->> 'id') AND finished_at <= ?1 ->> 'until' ORDER BY finished_at, id LIMIT ?2) i
  UNION ALL
  SELECT * FROM (SELECT id, created_at AS at,
-- include: action_columns.sql
    FROM jobs INDEXED BY jobs_failing_by_cause
    WHERE ?1 ->> 'list' = 'retrying' AND tenant = ?1 ->> 'tenant' AND cause BETWEEN ?1 ->> 'cause_from' AND ?1 ->> 'cause_to'
      AND state IN ('retrying', 'held') AND state = 'retrying' AND id > ?1 ->> 'id' AND id < ?1 ->> 'before' ORDER BY id LIMIT ?2) i
  UNION ALL
  SELECT * FROM (SELECT id, created_at AS at,
-- include: action_columns.sql
    FROM jobs
    WHERE ?1 ->> 'list' = 'open' AND tenant = ?1 ->> 'tenant' AND id > ?1 ->> 'id' AND id < ?1 ->> 'before' ORDER BY id LIMIT ?2) i
) t
