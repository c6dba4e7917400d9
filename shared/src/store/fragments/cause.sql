-- One cause `v` as JSON. ?1 ->> 'counted' is the maximum number of jobs to count in each state, and one more is read. The time of
-- the last failure is that of the last death, or of the attempts of 20 jobs: those that die last, and then held ones. Two objects are merged into one,
-- because a function takes at most 32 arguments on D1.
json_patch(
  json_object('id', v.id, 'tenant', v.tenant, 'kind', v.kind, 'endpoint', v.endpoint, 'host', v.host, 'class', v.class,
    'status', v.status, 'text', v.text, 'first_seen', v.first_seen, 'came_back_at', v.came_back_at, 'until', v.until,
    'state', CASE WHEN v.state = 'ignored' AND v.until <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'open' ELSE v.state END),
  json_object(
    'dead', (SELECT count(*) FROM (SELECT 1 FROM jobs j INDEXED BY jobs_dead_by_cause
      WHERE j.tenant = v.tenant AND j.cause = v.id AND j.dead_state = 'open' LIMIT (?1 ->> 'counted') + 1) i),
    'retrying', (SELECT count(*) FROM (SELECT 1 FROM jobs j INDEXED BY jobs_failing_by_cause
      WHERE j.tenant = v.tenant AND j.cause = v.id AND j.state IN ('retrying', 'held') AND j.state = 'retrying'
      LIMIT (?1 ->> 'counted') + 1) i),
    'held', (SELECT count(*) FROM (SELECT 1 FROM jobs j INDEXED BY jobs_failing_by_cause
      WHERE j.tenant = v.tenant AND j.cause = v.id AND j.state IN ('retrying', 'held') AND j.state = 'held'
      LIMIT (?1 ->> 'counted') + 1) i),
    'next_dies_at', (SELECT min(j.dies_at) FROM jobs j INDEXED BY jobs_failing_by_cause
      WHERE j.tenant = v.tenant AND j.cause = v.id AND j.state IN ('retrying', 'held') AND j.state = 'retrying'),
    'died_at', (SELECT max(j.finished_at) FROM jobs j INDEXED BY jobs_dead_by_cause
      WHERE j.tenant = v.tenant AND j.cause = v.id AND j.dead_state = 'open'),
    'failed_at', (SELECT max(json_extract(i.log, '$[#-1].started_at') + coalesce(json_extract(i.log, '$[#-1].duration_ms'), 0))
      FROM (SELECT j.log FROM jobs j INDEXED BY jobs_failing_by_cause
        WHERE j.tenant = v.tenant AND j.cause = v.id AND j.state IN ('retrying', 'held')
        ORDER BY j.state DESC, j.dies_at DESC LIMIT 20) i),
    'last_success_at', (SELECT e.last_success_at FROM endpoints e WHERE e.tenant = v.tenant AND e.id = v.endpoint),
    'sample', coalesce(
      (SELECT j.id FROM jobs j INDEXED BY jobs_dead_by_cause
        WHERE j.tenant = v.tenant AND j.cause = v.id AND j.dead_state = 'open' ORDER BY j.finished_at DESC LIMIT 1),
      (SELECT j.id FROM jobs j INDEXED BY jobs_failing_by_cause
        WHERE j.tenant = v.tenant AND j.cause = v.id AND j.state IN ('retrying', 'held') LIMIT 1))))
