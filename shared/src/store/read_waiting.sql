-- Counts the jobs that are dead or wait after a failure. ?1 as in waiting.sql.
SELECT json_object(
-- include: waiting.sql
  )
