-- Inserts the webhook jobs of groups that have finished, once each. It runs after the statements that count ended jobs or close a
-- group, and before note_finished.sql, which records the jobs. Neither quotas nor a full store refuse it: it is one job of a group.
-- ?1 as in finished_groups.sql.
-- include: finished_groups.sql
INSERT INTO jobs (tenant, id, state, run_after, created_at, kind, endpoint, max_attempts, backoff, digest, traceparent, tracestate,
  hops, payload)
SELECT g.tenant, v.job, 'queued', v.at, v.at, 'webhook', e.id, e.max_attempts, e.backoff, g.on_finished ->> 'digest',
  g.on_finished ->> 'traceparent', g.on_finished ->> 'tracestate', g.on_finished ->> 'hops',
  json_object('body', json_object('type', 'longshore.group.finished',
    'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', v.at / 1000.0, 'unixepoch'),
    'data', json_object('group', g.id, 'total', g.total, 'succeeded', g.succeeded, 'dead', g.dead, 'replayed', g.replayed,
      'cancelled', g.cancelled)))
FROM finished v CROSS JOIN groups g ON g.tenant = v.tenant AND g.id = v.id
CROSS JOIN endpoints e ON e.tenant = g.tenant AND e.id = g.on_finished ->> 'endpoint'
WHERE v.error IS NULL
ON CONFLICT DO NOTHING
RETURNING json_array(tenant, id)
