-- What is due to be looked at, the oldest first. ?1 is how many rows at most.
SELECT json_object('tenant', tenant, 'id', id, 'state', state, 'deferred', deferred)
FROM jobs INDEXED BY jobs_to_look_at WHERE look_at IS NOT NULL AND look_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) ORDER BY look_at LIMIT ?1
