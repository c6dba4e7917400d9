-- Members of a JSON object: jobs that are dead or wait after a failure, of the tenants from ?1 ->> 'from' to ?1 ->> 'to'. Each count
-- stops after ?1 ->> 'counted' and one more.
  'dead', (SELECT count(*) FROM (SELECT 1 FROM jobs j INDEXED BY jobs_dead_open
    WHERE j.dead_state = 'open' AND j.tenant >= ?1 ->> 'from' AND j.tenant <= ?1 ->> 'to' LIMIT (?1 ->> 'counted') + 1) i),
  'held', (SELECT count(*) FROM (SELECT 1 FROM jobs j INDEXED BY jobs_held
    WHERE j.state = 'held' AND j.tenant >= ?1 ->> 'from' AND j.tenant <= ?1 ->> 'to' LIMIT (?1 ->> 'counted') + 1) i),
  'failing', json((SELECT json_array(count(*), count(*) FILTER (WHERE i.state = 'retrying'))
    FROM (SELECT j.state FROM jobs j INDEXED BY jobs_failing_by_cause
      WHERE j.cause IS NOT NULL AND j.state IN ('retrying', 'held') AND j.tenant >= ?1 ->> 'from' AND j.tenant <= ?1 ->> 'to'
      LIMIT (?1 ->> 'counted') + 1) i))
