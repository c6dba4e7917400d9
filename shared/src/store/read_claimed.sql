-- Reads the jobs of ?1 that the lease ?2 holds: those that the claim before it took, even if its answer was lost. Two
-- objects are merged into one, because a function takes at most 32 arguments on D1. The second has the columns that may
-- be NULL.
SELECT json_patch(
  json_object('tenant', j.tenant, 'id', j.id, 'kind', j.kind, 'endpoint_id', j.endpoint,
    'attempt', j.attempt, 'failures', j.failures, 'quarantined', j.quarantined, 'max_attempts', j.max_attempts,
    'backoff', j.backoff, 'created_at', j.created_at, 'hops', j.hops,
    'lease_until', j.lease_until, 'now', CAST(unixepoch('subsec') * 1000 AS INTEGER),
    'secrets', json((SELECT json_group_array(json_array(s.secret_version, s.sealed)) FROM signing_secrets s
      WHERE s.tenant = j.tenant AND s.endpoint = j.endpoint AND s.secret_version >= coalesce(e.secret_version, 1) - 1)),
    'endpoint', CASE WHEN e.id IS NULL THEN NULL ELSE json_object('state', e.state, 'url', e.url, 'service', e.service,
      'headers', json(e.headers), 'timeout_seconds', e.timeout_seconds, 'evidence', e.evidence, 'keep_payload', e.keep_payload,
      'dead_letter_on', json(e.dead_letter_on), 'redact', json(e.redact), 'secret_version', e.secret_version,
      'rotated_at', e.rotated_at) END),
  json_object('event_id', j.event_id, 'group', j.job_group, 'deadline_at', j.deadline_at, 'payload', j.payload,
    'payload_bytes', j.payload_bytes, 'traceparent', j.traceparent, 'tracestate', j.tracestate))
FROM json_each(?1) i
CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
LEFT JOIN endpoints e ON e.tenant = j.tenant AND e.id = j.endpoint
WHERE j.lease_token = ?2
