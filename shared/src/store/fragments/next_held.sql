-- The next tenant and endpoint with held jobs after `i.pair`, as [tenant, endpoint], or NULL. Two scalar steps, because a comparison of
-- both as one row value begins at the entries that are equal, and passes over all held jobs of the last endpoint.
coalesce(
  (SELECT json_array(j.tenant, j.endpoint) FROM jobs j INDEXED BY jobs_held
    WHERE j.state = 'held' AND j.tenant = i.pair ->> 0 AND j.endpoint > i.pair ->> 1 ORDER BY j.endpoint LIMIT 1),
  (SELECT json_array(j.tenant, j.endpoint) FROM jobs j INDEXED BY jobs_held
    WHERE j.state = 'held' AND j.tenant > i.pair ->> 0 ORDER BY j.tenant, j.endpoint LIMIT 1))
