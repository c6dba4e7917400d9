-- Reads the rows that are due for a check by the sweep, the oldest first. ?1 rows.
SELECT json_object('tenant', tenant, 'id', id, 'state', state, 'deferred', deferred)
FROM jobs INDEXED BY jobs_to_next_check_at WHERE next_check_at IS NOT NULL AND next_check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) ORDER BY next_check_at LIMIT ?1
